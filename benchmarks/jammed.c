/* Two layers of sigmoids as loops written by hand: what a compiler of loops can be measured against. The work is that of
   the engines: rows come as they are, one row after the other; every step computes the loss and checks it; the parameters
   are layer by layer, weights (one row for each unit) and then biases.

       cc -O3 -march=native -mprefer-vector-width=512 -ffast-math -fPIC -DINPUTS=784 -DHIDDEN=30 -DBATCH=10 -c jammed.c
       cc -shared jammed.o -lmvec -lm

   Forward: eight rows in the lanes, and JAM neurons at once ("unroll and jam"), because one sum alone would wait for
   each addition. Gradients of weights: inputs in the lanes and the rows innermost, so that sums stay in registers. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { LANES = 8, JAM = 10, UNITS = 5, OUT = 10 }; /* JAM and UNITS divide the hidden neurons, and JAM is OUT */

typedef double V __attribute__((vector_size(64), aligned(64)));
typedef double Anywhere __attribute__((vector_size(64), aligned(8))); /* the same, not aligned */

/* LANES rows of a batch side by side; rows that are not there are 0. */
INLINE void turned(int columns, int rows, const double *restrict x, V *restrict out) {
  double *to = (double *)out;
  for (int i = 0; i < columns; i++)
    for (int r = 0; r < LANES; r++) to[i * LANES + r] = r < rows ? x[r * columns + i] : 0.0;
}

/* JAM weighted sums of the inputs, each for LANES rows. */
INLINE void sums(int inputs, const double *restrict w, const double *restrict b, const V *restrict x, V *restrict out) {
  V sum[JAM];
  for (int q = 0; q < JAM; q++) sum[q] = b[q] - (V){0};
  for (int i = 0; i < inputs; i++)
    for (int q = 0; q < JAM; q++) sum[q] += w[q * inputs + i] * x[i];
  for (int q = 0; q < JAM; q++) out[q] = sum[q];
}

INLINE void sigmoid(int count, V *restrict z) {
  double *at = (double *)z;
  for (int k = 0; k < count * LANES; k++) at[k] = 1.0 / (1.0 + exp(-at[k]));
}

/* w -= rate * d' x for UNITS rows of w: d is unit by unit, x row by row with `stride` numbers each. */
INLINE void descend(int inputs, int stride, int rows, int row_room, double rate, const double *restrict d,
                    const double *restrict x, double *restrict w) {
  int i = 0;
  for (; i + 2 * LANES <= inputs; i += 2 * LANES) {
    V sum[UNITS][2];
    memset(sum, 0, sizeof sum);
    for (int r = 0; r < rows; r++) {
      V x0 = *(Anywhere *)(x + r * stride + i), x1 = *(Anywhere *)(x + r * stride + i + LANES);
      for (int q = 0; q < UNITS; q++) {
        sum[q][0] += d[q * row_room + r] * x0;
        sum[q][1] += d[q * row_room + r] * x1;
      }
    }
    for (int q = 0; q < UNITS; q++)
      for (int part = 0; part < 2; part++) *(Anywhere *)(w + q * inputs + i + part * LANES) -= rate * sum[q][part];
  }
  for (int q = 0; q < UNITS; q++)
    for (int k = i; k < inputs; k++) {
      double sum = 0.0;
      for (int r = 0; r < rows; r++) sum += d[q * row_room + r] * x[r * stride + k];
      w[q * inputs + k] -= rate * sum;
    }
}

INLINE void descend_bias(int units, int rows, int row_room, double rate, const double *restrict d, double *restrict b) {
  for (int j = 0; j < units; j++) {
    double sum = 0.0;
    for (int r = 0; r < rows; r++) sum += d[j * row_room + r];
    b[j] -= rate * sum;
  }
}

/* -ffast-math believes that every number is finite. */
INLINE int is_finite(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (bits >> 52 & 0x7FF) != 0x7FF;
}

/* Takes the steps and gives back how many: fewer where a loss is not finite. */
INLINE long train(int inputs, int hidden, int rows, double *restrict p, const double *restrict X,
                  const double *restrict Y, long batches, long steps, double rate, double *restrict losses) {
  int blocks = (rows + LANES - 1) / LANES, room = blocks * LANES;
  double *w = p, *b = w + hidden * inputs, *v = b + hidden, *c = v + OUT * hidden;
  V x[inputs], y[OUT], h[hidden], a[OUT], error[hidden];
  double d[OUT * room], e[hidden * room], hs[room * hidden]; /* the errors unit by unit; the hidden ones row by row */
  for (long step = 0; step < steps; step++) {
    const double *rows_x = X + step % batches * rows * inputs, *rows_y = Y + step % batches * rows * OUT;
    double loss = 0.0;
    for (int block = 0; block < blocks; block++) {
      int from = block * LANES, here = rows - from < LANES ? rows - from : LANES;
      turned(inputs, here, rows_x + from * inputs, x);
      turned(OUT, here, rows_y + from * OUT, y);
      for (int j = 0; j < hidden; j += JAM) sums(inputs, w + j * inputs, b + j, x, h + j);
      sigmoid(hidden, h);
      sums(hidden, v, c, h, a);
      sigmoid(OUT, a);
      for (int k = 0; k < OUT; k++) {
        V difference = a[k] - y[k];
        for (int r = here; r < LANES; r++) difference[r] = 0.0;
        V squares = difference * difference;
        for (int r = 0; r < LANES; r++) loss += squares[r];
        a[k] = difference * (1.0 / rows) * a[k] * (1.0 - a[k]);
        memcpy(d + k * room + from, a + k, sizeof(V));
      }
      for (int j = 0; j < hidden; j += JAM) {
        V sum[JAM];
        memset(sum, 0, sizeof sum);
        for (int k = 0; k < OUT; k++)
          for (int q = 0; q < JAM; q++) sum[q] += v[k * hidden + j + q] * a[k];
        for (int q = 0; q < JAM; q++) error[j + q] = sum[q] * h[j + q] * (1.0 - h[j + q]);
      }
      for (int j = 0; j < hidden; j++) {
        memcpy(e + j * room + from, error + j, sizeof(V));
        for (int r = 0; r < LANES; r++) hs[(from + r) * hidden + j] = h[j][r];
      }
    }
    losses[step] = loss * 0.5 / rows;
    if (!is_finite(loss)) return step;
    for (int k = 0; k < OUT; k += UNITS) descend(hidden, hidden, rows, room, rate, d + k * room, hs, v + k * hidden);
    descend_bias(OUT, rows, room, rate, d, c);
    for (int j = 0; j < hidden; j += UNITS) descend(inputs, inputs, rows, room, rate, e + j * room, rows_x, w + j * inputs);
    descend_bias(hidden, rows, room, rate, e, b);
  }
  return steps;
}

long digits(double *p, const double *X, const double *Y, long batches, long steps, double rate, double *losses) {
  return train(INPUTS, HIDDEN, BATCH, p, X, Y, batches, steps, rate, losses);
}
