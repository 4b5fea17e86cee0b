/* The yardstick for `microgpt`: the step of a GPT as one would write it in C, many documents in one call.

       cc -O3 -march=native -ffast-math -fPIC -c limit_gpt.c && cc -shared limit_gpt.o -lmvec -lm

   Parameters are matrices row by row, in the order of the enum. Vectors are rows: `x[position * S + k]`. */

#include <math.h>
#include <string.h>

enum { LETTERS = 27, N = 8, S = 16, HEADS = 4, D = S / HEADS, UP = 2 * S };
enum {
  TOKENS = 0,
  POSITIONS = TOKENS + LETTERS * S,
  QUERY = POSITIONS + N * S,
  KEY = QUERY + S * S,
  VALUE = KEY + S * S,
  UP_W = VALUE + S * S,
  OUT_W = UP_W + UP * S,
  DOWN_W = OUT_W + S * S,
  SCORES = DOWN_W + S * UP,
  SIZE = SCORES + LETTERS * S
};

#define INLINE static inline __attribute__((always_inline))

/* z = x W' for each position. The columns of W are turned into rows first, so that the loop over units is innermost. */
INLINE void linear(int units, int inputs, const double *restrict w, const double *restrict x, double *restrict z) {
  double turned[inputs * units];
  for (int j = 0; j < units; j++)
    for (int i = 0; i < inputs; i++) turned[i * units + j] = w[j * inputs + i];
  for (int t = 0; t < N; t++) {
    double sum[units];
    for (int j = 0; j < units; j++) sum[j] = 0.0;
    for (int i = 0; i < inputs; i++)
      for (int j = 0; j < units; j++) sum[j] += turned[i * units + j] * x[t * inputs + i];
    memcpy(z + t * units, sum, sizeof sum);
  }
}

/* dx += d W, and dw = d' x, from the error d of z. */
INLINE void back_linear(int units, int inputs, const double *restrict w, const double *restrict x,
                        const double *restrict d, double *restrict dx, double *restrict dw) {
  for (int t = 0; t < N; t++) {
    double sum[inputs];
    for (int i = 0; i < inputs; i++) sum[i] = 0.0;
    for (int j = 0; j < units; j++)
      for (int i = 0; i < inputs; i++) sum[i] += d[t * units + j] * w[j * inputs + i];
    for (int i = 0; i < inputs; i++) dx[t * inputs + i] += sum[i];
  }
  for (int j = 0; j < units; j++) {
    double sum[inputs];
    for (int i = 0; i < inputs; i++) sum[i] = 0.0;
    for (int t = 0; t < N; t++)
      for (int i = 0; i < inputs; i++) sum[i] += d[t * units + j] * x[t * inputs + i];
    memcpy(dw + j * inputs, sum, sizeof sum);
  }
}

INLINE void norm(const double *restrict x, double *restrict y, double *restrict scale) {
  for (int t = 0; t < N; t++) {
    double square = 0.0;
    for (int k = 0; k < S; k++) square += x[t * S + k] * x[t * S + k];
    scale[t] = 1.0 / sqrt(square / S + 1e-5);
    for (int k = 0; k < S; k++) y[t * S + k] = x[t * S + k] * scale[t];
  }
}

/* dx += the error of x from the error d of norm(x). */
INLINE void back_norm(const double *restrict x, const double *restrict scale, const double *restrict d,
                      double *restrict dx) {
  for (int t = 0; t < N; t++) {
    double product = 0.0;
    for (int k = 0; k < S; k++) product += d[t * S + k] * x[t * S + k];
    product *= scale[t] * scale[t] * scale[t] / S;
    for (int k = 0; k < S; k++) dx[t * S + k] += scale[t] * d[t * S + k] - x[t * S + k] * product;
  }
}

/* Each position's mean of the values so far, weighted by how well their keys match its query. */
INLINE void attend(const double *restrict query, const double *restrict key, const double *restrict value,
                   double seen[HEADS][N][N], double *restrict found) {
  memset(found, 0, N * S * sizeof(double));
  for (int h = 0; h < HEADS; h++)
    for (int t = 0; t < N; t++) {
      double top = -INFINITY, total = 0.0, *s = seen[h][t];
      for (int u = 0; u <= t; u++) {
        s[u] = 0.0;
        for (int k = h * D; k < h * D + D; k++) s[u] += query[t * S + k] * key[u * S + k];
        s[u] *= 0.5; /* 1 / sqrt(D) */
        top = s[u] > top ? s[u] : top;
      }
      for (int u = 0; u <= t; u++) total += s[u] = exp(s[u] - top);
      for (int u = 0; u <= t; u++) {
        s[u] /= total;
        for (int k = h * D; k < h * D + D; k++) found[t * S + k] += s[u] * value[u * S + k];
      }
    }
}

INLINE void back_attend(const double *restrict query, const double *restrict key, const double *restrict value,
                        double seen[HEADS][N][N], const double *restrict d, double *restrict dq, double *restrict dk,
                        double *restrict dv) {
  for (int h = 0; h < HEADS; h++)
    for (int t = 0; t < N; t++) {
      double ds[N], mean = 0.0, *s = seen[h][t];
      for (int u = 0; u <= t; u++) {
        ds[u] = 0.0;
        for (int k = h * D; k < h * D + D; k++) {
          ds[u] += d[t * S + k] * value[u * S + k];
          dv[u * S + k] += s[u] * d[t * S + k];
        }
        mean += ds[u] * s[u];
      }
      for (int u = 0; u <= t; u++) {
        double e = s[u] * (ds[u] - mean) * 0.5;
        for (int k = h * D; k < h * D + D; k++) {
          dq[t * S + k] += e * key[u * S + k];
          dk[u * S + k] += e * query[t * S + k];
        }
      }
    }
}

/* The loss, and d, the error of the scores. */
INLINE double cross_entropy(const double *restrict scores, const long *restrict targets, const double *restrict weights,
                            double *restrict d) {
  double loss = 0.0;
  for (int t = 0; t < N; t++) {
    const double *s = scores + t * LETTERS;
    double top = s[0], total = 0.0;
    for (int k = 1; k < LETTERS; k++) top = s[k] > top ? s[k] : top;
    for (int k = 0; k < LETTERS; k++) total += d[t * LETTERS + k] = exp(s[k] - top);
    loss += weights[t] * (log(total) + top - s[targets[t]]);
    for (int k = 0; k < LETTERS; k++) d[t * LETTERS + k] *= weights[t] / total;
    d[t * LETTERS + targets[t]] -= weights[t];
  }
  return loss;
}

void microgpt(double *restrict p, const long *tokens, const long *targets, const double *weights, long documents,
              long steps, double rate, double *restrict losses, double *restrict mean, double *restrict square,
              double *restrict powers) {
  enum { BYTES = N * S * sizeof(double) };
  double x0[N * S], x1[N * S], n1[N * S], q[N * S], k[N * S], v[N * S], found[N * S], x2[N * S], n2[N * S], up[N * UP],
      x3[N * S], scores[N * LETTERS], scale0[N], scale1[N], scale2[N], seen[HEADS][N][N], g[SIZE];
  double d[N * LETTERS], d3[N * S], du[N * UP], dn[N * S], df[N * S], dq[N * S], dk[N * S], dv[N * S], d0[N * S];
  for (long step = 0; step < steps; step++) {
    const long *token = tokens + step % documents * N;
    for (int t = 0; t < N; t++)
      for (int i = 0; i < S; i++) x0[t * S + i] = p[TOKENS + token[t] * S + i] + p[POSITIONS + t * S + i];
    norm(x0, x1, scale0);
    norm(x1, n1, scale1);
    linear(S, S, p + QUERY, n1, q);
    linear(S, S, p + KEY, n1, k);
    linear(S, S, p + VALUE, n1, v);
    attend(q, k, v, seen, found);
    linear(S, S, p + OUT_W, found, x2);
    for (int i = 0; i < N * S; i++) x2[i] += x1[i];
    norm(x2, n2, scale2);
    linear(UP, S, p + UP_W, n2, up);
    for (int i = 0; i < N * UP; i++) up[i] = up[i] > 0.0 ? up[i] : 0.0;
    linear(S, UP, p + DOWN_W, up, x3);
    for (int i = 0; i < N * S; i++) x3[i] += x2[i];
    linear(LETTERS, S, p + SCORES, x3, scores);
    losses[step] = cross_entropy(scores, targets + step % documents * N, weights + step % documents * N, d);

    memset(d3, 0, BYTES);
    back_linear(LETTERS, S, p + SCORES, x3, d, d3, g + SCORES);
    memset(du, 0, sizeof du);
    back_linear(S, UP, p + DOWN_W, up, d3, du, g + DOWN_W);
    for (int i = 0; i < N * UP; i++) du[i] = up[i] > 0.0 ? du[i] : 0.0;
    memset(dn, 0, BYTES);
    back_linear(UP, S, p + UP_W, n2, du, dn, g + UP_W);
    back_norm(x2, scale2, dn, d3); /* d3 is the error of x2 now */
    memset(df, 0, BYTES);
    back_linear(S, S, p + OUT_W, found, d3, df, g + OUT_W);
    memset(dq, 0, BYTES), memset(dk, 0, BYTES), memset(dv, 0, BYTES), memset(dn, 0, BYTES), memset(d0, 0, BYTES);
    back_attend(q, k, v, seen, df, dq, dk, dv);
    back_linear(S, S, p + QUERY, n1, dq, dn, g + QUERY);
    back_linear(S, S, p + KEY, n1, dk, dn, g + KEY);
    back_linear(S, S, p + VALUE, n1, dv, dn, g + VALUE);
    back_norm(x1, scale1, dn, d3); /* and of x1 */
    back_norm(x0, scale0, d3, d0);
    memset(g + TOKENS, 0, LETTERS * S * sizeof(double));
    for (int t = 0; t < N; t++)
      for (int i = 0; i < S; i++) g[TOKENS + token[t] * S + i] += d0[t * S + i];
    memcpy(g + POSITIONS, d0, BYTES);

    powers[0] *= 0.9;
    powers[1] *= 0.99;
    double from_mean = rate / (1.0 - powers[0]), from_square = 1.0 / (1.0 - powers[1]);
    for (int i = 0; i < SIZE; i++) {
      mean[i] = 0.9 * mean[i] + 0.1 * g[i];
      square[i] = 0.99 * square[i] + 0.01 * g[i] * g[i];
      p[i] -= from_mean * mean[i] / (sqrt(square[i] * from_square) + 1e-8);
    }
  }
}
