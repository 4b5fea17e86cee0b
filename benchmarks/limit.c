/* The yardstick: the workloads of workloads.py as one would write them in C, the rows of a batch innermost, so that the
   compiler can vectorize. Each function takes many steps in one call; the compiler knows all sizes.

       cc -O3 -march=native -ffast-math -fPIC -DINPUTS=64 -DHIDDEN=30 -DBATCH=10 -c limit.c
       cc -shared limit.o -lmvec -lm

   A batch is stored unit by unit: `x[unit * rows + row]`. Parameters are layer by layer, weights (one row for each
   unit) and then biases. tuned.c has the same nets written for this machine's registers. */

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* z = W x + b for each row. */
INLINE void dense(int units, int inputs, int rows, const double *restrict w, const double *restrict b,
                  const double *restrict x, double *restrict z) {
  for (int j = 0; j < units; j++) {
    double sum[rows];
    for (int r = 0; r < rows; r++) sum[r] = b ? b[j] : 0.0;
    for (int i = 0; i < inputs; i++)
      for (int r = 0; r < rows; r++) sum[r] += w[j * inputs + i] * x[i * rows + r];
    for (int r = 0; r < rows; r++) z[j * rows + r] = sum[r];
  }
}

/* Gradients of W and b from the error d of z: sums over the rows. */
INLINE void gradients(int units, int inputs, int rows, const double *restrict d, const double *restrict x,
                      double *restrict dw, double *restrict db) {
  for (int j = 0; j < units; j++) {
    for (int i = 0; i < inputs; i++) {
      double sum = 0.0;
      for (int r = 0; r < rows; r++) sum += d[j * rows + r] * x[i * rows + r];
      dw[j * inputs + i] = sum;
    }
    if (db) {
      double sum = 0.0;
      for (int r = 0; r < rows; r++) sum += d[j * rows + r];
      db[j] = sum;
    }
  }
}

/* The error of x from the error d of z: W transposed times d. */
INLINE void back(int units, int inputs, int rows, const double *restrict w, const double *restrict d,
                 double *restrict dx) {
  for (int i = 0; i < inputs; i++) {
    double sum[rows];
    for (int r = 0; r < rows; r++) sum[r] = 0.0;
    for (int j = 0; j < units; j++)
      for (int r = 0; r < rows; r++) sum[r] += w[j * inputs + i] * d[j * rows + r];
    for (int r = 0; r < rows; r++) dx[i * rows + r] = sum[r];
  }
}

INLINE void sigmoid(int n, double *restrict z) {
  for (int k = 0; k < n; k++) z[k] = 1.0 / (1.0 + exp(-z[k]));
}

INLINE void relu(int n, double *restrict z) {
  for (int k = 0; k < n; k++) z[k] = z[k] > 0.0 ? z[k] : 0.0;
}

INLINE void back_sigmoid(int n, const double *restrict a, double *restrict d) {
  for (int k = 0; k < n; k++) d[k] *= a[k] * (1.0 - a[k]);
}

INLINE void back_relu(int n, const double *restrict a, double *restrict d) {
  for (int k = 0; k < n; k++) d[k] = a[k] > 0.0 ? d[k] : 0.0;
}

INLINE void sgd(int n, double rate, double *restrict p, const double *restrict g) {
  for (int k = 0; k < n; k++) p[k] -= rate * g[k];
}

/* The loss: half the squared differences, summed over units, mean over rows. d becomes its error. */
INLINE double half_squares(int units, int rows, const double *restrict a, const double *restrict y, double *restrict d) {
  double loss = 0.0;
  for (int k = 0; k < units * rows; k++) {
    double difference = a[k] - y[k];
    loss += 0.5 * difference * difference;
    d[k] = difference / rows;
  }
  return loss / rows;
}

/* Two layers of sigmoids, half squared sum, gradient descent. */
INLINE void sigmoids(int inputs, int hidden, int outputs, int rows, int biases, double *restrict p,
                     const double *restrict X, const double *restrict Y, long batches, long steps, double rate,
                     double *restrict losses) {
  double *w = p, *b = biases ? w + hidden * inputs : 0, *v = w + hidden * (inputs + biases);
  double *c = biases ? v + outputs * hidden : 0;
  int size = hidden * (inputs + biases) + outputs * (hidden + biases);
  double h[hidden * rows], a[outputs * rows], d[outputs * rows], e[hidden * rows], g[size];
  double *dw = g, *db = biases ? dw + hidden * inputs : 0, *dv = dw + hidden * (inputs + biases);
  double *dc = biases ? dv + outputs * hidden : 0;
  for (long step = 0; step < steps; step++) {
    const double *x = X + step % batches * inputs * rows, *y = Y + step % batches * outputs * rows;
    dense(hidden, inputs, rows, w, b, x, h);
    sigmoid(hidden * rows, h);
    dense(outputs, hidden, rows, v, c, h, a);
    sigmoid(outputs * rows, a);
    losses[step] = half_squares(outputs, rows, a, y, d);
    back_sigmoid(outputs * rows, a, d);
    gradients(outputs, hidden, rows, d, h, dv, dc);
    back(outputs, hidden, rows, v, d, e);
    back_sigmoid(hidden * rows, h, e);
    gradients(hidden, inputs, rows, e, x, dw, db);
    sgd(size, rate, p, g);
  }
}

void xor_net(double *p, const double *X, const double *Y, long batches, long steps, double rate, double *losses) {
  sigmoids(3, 4, 1, 4, 0, p, X, Y, batches, steps, rate, losses);
}

#ifdef INPUTS /* -DINPUTS=784 -DHIDDEN=30 -DBATCH=100, the sizes of one net */
void digits(double *p, const double *X, const double *Y, long batches, long steps, double rate, double *losses) {
  sigmoids(INPUTS, HIDDEN, 10, BATCH, 1, p, X, Y, batches, steps, rate, losses);
}
#endif

/* 2-16-16-1, ReLU, hinge loss, gradient descent on all 100 rows. */
void moons(double *p, const double *X, const double *Y, long batches, long steps, double rate, double *losses) {
  enum { N = 16, ROWS = 100, SIZE = 2 * N + N + N * N + N + N + 1 };
  double *w1 = p, *b1 = w1 + 2 * N, *w2 = b1 + N, *b2 = w2 + N * N, *w3 = b2 + N, *b3 = w3 + N;
  double g[SIZE], *g1 = g, *gb1 = g1 + 2 * N, *g2 = gb1 + N, *gb2 = g2 + N * N, *g3 = gb2 + N, *gb3 = g3 + N;
  double h1[N * ROWS], h2[N * ROWS], out[ROWS], d[ROWS], e1[N * ROWS], e2[N * ROWS];
  for (long step = 0; step < steps; step++) {
    const double *x = X + step % batches * 2 * ROWS, *y = Y + step % batches * ROWS;
    dense(N, 2, ROWS, w1, b1, x, h1);
    relu(N * ROWS, h1);
    dense(N, N, ROWS, w2, b2, h1, h2);
    relu(N * ROWS, h2);
    dense(1, N, ROWS, w3, b3, h2, out);
    double loss = 0.0;
    for (int r = 0; r < ROWS; r++) {
      double margin = 1.0 - y[r] * out[r];
      loss += margin > 0.0 ? margin : 0.0;
      d[r] = margin > 0.0 ? -y[r] / ROWS : 0.0;
    }
    losses[step] = loss / ROWS;
    gradients(1, N, ROWS, d, h2, g3, gb3);
    back(1, N, ROWS, w3, d, e2);
    back_relu(N * ROWS, h2, e2);
    gradients(N, N, ROWS, e2, h1, g2, gb2);
    back(N, N, ROWS, w2, e2, e1);
    back_relu(N * ROWS, h1, e1);
    gradients(N, 2, ROWS, e1, x, g1, gb1);
    sgd(SIZE, rate, p, g);
  }
}

/* 4-20-3, ReLU, softmax cross-entropy on 8 rows, Adam. Y is 1 at the class. */
void iris(double *p, const double *X, const double *Y, long batches, long steps, double rate, double *losses,
          double *restrict mean, double *restrict square, double *restrict powers) {
  enum { N = 20, OUT = 3, ROWS = 8, SIZE = 4 * N + N + OUT * N + OUT };
  double *w1 = p, *b1 = w1 + 4 * N, *w2 = b1 + N, *b2 = w2 + OUT * N;
  double g[SIZE], *g1 = g, *gb1 = g1 + 4 * N, *g2 = gb1 + N, *gb2 = g2 + OUT * N;
  double h[N * ROWS], s[OUT * ROWS], d[OUT * ROWS], e[N * ROWS];
  for (long step = 0; step < steps; step++) {
    const double *x = X + step % batches * 4 * ROWS, *y = Y + step % batches * OUT * ROWS;
    dense(N, 4, ROWS, w1, b1, x, h);
    relu(N * ROWS, h);
    dense(OUT, N, ROWS, w2, b2, h, s);
    double top[ROWS], total[ROWS], loss = 0.0;
    for (int r = 0; r < ROWS; r++) top[r] = fmax(fmax(s[r], s[ROWS + r]), s[2 * ROWS + r]);
    for (int r = 0; r < ROWS; r++) total[r] = 0.0;
    for (int k = 0; k < OUT; k++)
      for (int r = 0; r < ROWS; r++) {
        double shifted = s[k * ROWS + r] - top[r];
        loss -= y[k * ROWS + r] * shifted;
        d[k * ROWS + r] = exp(shifted);
        total[r] += d[k * ROWS + r];
      }
    for (int r = 0; r < ROWS; r++) loss += log(total[r]);
    losses[step] = loss / ROWS;
    for (int k = 0; k < OUT; k++)
      for (int r = 0; r < ROWS; r++) d[k * ROWS + r] = (d[k * ROWS + r] / total[r] - y[k * ROWS + r]) / ROWS;
    gradients(OUT, N, ROWS, d, h, g2, gb2);
    back(OUT, N, ROWS, w2, d, e);
    back_relu(N * ROWS, h, e);
    gradients(N, 4, ROWS, e, x, g1, gb1);
    powers[0] *= 0.9;
    powers[1] *= 0.999;
    double from_mean = rate / (1.0 - powers[0]), from_square = 1.0 / (1.0 - powers[1]);
    for (int k = 0; k < SIZE; k++) {
      mean[k] = 0.9 * mean[k] + 0.1 * g[k];
      square[k] = 0.999 * square[k] + 0.001 * g[k] * g[k];
      p[k] -= from_mean * mean[k] / (sqrt(square[k] * from_square) + 1e-8);
    }
  }
}

/* Expressions: one point per call, not inlined into the loop. */

__attribute__((noipa)) static void quotient_at(double x, double y, double *restrict out) {
  double s = x + y, f = x / s;
  out[0] = f;
  out[1] = 1.0 / s - f / s;
  out[2] = -f / s;
}

__attribute__((noipa)) static void sigmoids_at(double x, double y, double *restrict out) {
  double sig_x = 1.0 / (1.0 + exp(-x)), sig_y = 1.0 / (1.0 + exp(-y)), sum = x + y;
  double below = sig_x + sum * sum, f = (x + sig_y) / below;
  out[0] = f;
  out[1] = (1.0 - f * (sig_x * (1.0 - sig_x) + 2.0 * sum)) / below;
  out[2] = (sig_y * (1.0 - sig_y) - f * 2.0 * sum) / below;
}

void quotient(const double *point, double *out, long calls) {
  while (calls--) quotient_at(point[0], point[1], out);
}

void sigmoids_expression(const double *point, double *out, long calls) {
  while (calls--) sigmoids_at(point[0], point[1], out);
}
