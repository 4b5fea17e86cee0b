/* The workloads of workloads.py written by hand for the registers of a machine with wide vectors: how far one can go.

   Each function takes many steps in one call and does only what its workload needs; the compiler knows all sizes.
   A `vec` is 8 doubles: one AVX-512 register, or several smaller ones. If a batch fills vectors, its rows lie side by
   side in them (xor, moons); if it is small and a layer is wide, the layer's units do (iris, digits), so that the
   gradient of a weight needs no sum across lanes. peers/tuned_peer.py lays out parameters and data this way, and
   compiles this file:

       cc -O3 -march=native -mprefer-vector-width=512 -ffast-math -fno-associative-math -fPIC -c tuned.c && cc -shared tuned.o -lmvec -lm

   -fno-associative-math protects the rounding in vexp; sums are already written in their fastest order. */

#include <math.h>
#include <string.h>

typedef double vec __attribute__((vector_size(64)));
typedef long long lanes __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 64")
#define EACH(i, n) UNROLL for (int i = 0; i < (n); i++)
#define LOOP(i, n) _Pragma("GCC unroll 1") for (int i = 0; i < (n); i++)
#define FORGET __asm__ volatile("" ::: "memory") /* read memory again: the registers cannot hold it all */

INLINE vec splat(double x) { return x - (vec){}; }

INLINE vec where(lanes chosen, vec x) { return (vec)((lanes)x & chosen); } /* x or 0 */

INLINE vec max(vec a, vec b) {
  for (int i = 0; i < 8; i++) a[i] = a[i] > b[i] ? a[i] : b[i];
  return a;
}

/* exp, almost to the last bit: 2^k times a minimax polynomial of degree 11 on half of log(2) either side of 0. */
INLINE vec vexp(vec x) {
  x = -max(-max(x, splat(-700.0)), splat(-700.0));
  const vec shift = splat(0x1.8p52);
  vec shifted = x * 1.4426950408889634 + shift; /* the integer nearest to x / log(2) is in its last bits */
  lanes k = (lanes)shifted;
  vec whole = shifted - shift;
  vec r = (x - whole * 0x1.62e42fefa0000p-1) - whole * 0x1.cf79abc9e3b3ap-40;
  vec r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
  vec p01 = 1.0 + r;
  vec p23 = 0x1.0000000000011p-1 + r * 0x1.555555555555ap-3;
  vec p45 = 0x1.555555554f0bap-5 + r * 0x1.111111110f21ep-7;
  vec p67 = 0x1.6c16c1880029fp-10 + r * 0x1.a01a01b1461c5p-13;
  vec p89 = 0x1.a01991a10d9aep-16 + r * 0x1.71ddf56d8deb5p-19;
  vec pab = 0x1.28b4101c77212p-22 + r * 0x1.af632a0f7e2cep-26;
  vec p = ((p01 + r2 * p23) + r4 * (p45 + r2 * p67)) + r8 * (p89 + r2 * pab);
  return (vec)((lanes)p + (k << 52));
}

INLINE vec sigmoid(vec x) { return 1.0 / (1.0 + vexp(-x)); }

/* Lane i of the result is the sum of the lanes of v[i]. */
INLINE vec sums(const vec *v) {
  vec a[4], b[2];
  EACH(i, 4)
  a[i] = __builtin_shuffle(v[2 * i], v[2 * i + 1], (lanes){0, 8, 2, 10, 4, 12, 6, 14}) +
         __builtin_shuffle(v[2 * i], v[2 * i + 1], (lanes){1, 9, 3, 11, 5, 13, 7, 15});
  EACH(i, 2)
  b[i] = __builtin_shuffle(a[2 * i], a[2 * i + 1], (lanes){0, 1, 8, 9, 4, 5, 12, 13}) +
         __builtin_shuffle(a[2 * i], a[2 * i + 1], (lanes){2, 3, 10, 11, 6, 7, 14, 15});
  return __builtin_shuffle(b[0], b[1], (lanes){0, 1, 2, 3, 8, 9, 10, 11}) +
         __builtin_shuffle(b[0], b[1], (lanes){4, 5, 6, 7, 12, 13, 14, 15});
}

/* In each lane, the sum over the four lanes of its half. */
INLINE vec sum_of_half(vec x) {
  x += __builtin_shuffle(x, (lanes){1, 0, 3, 2, 5, 4, 7, 6});
  return x + __builtin_shuffle(x, (lanes){2, 3, 0, 1, 6, 7, 4, 5});
}

INLINE double sum_of(vec x) {
  x = sum_of_half(x);
  return x[0] + x[4];
}

/* Expressions: one point per call, not inlined into the loop. */

__attribute__((noipa)) static void quotient_at(double x, double y, double *restrict out) {
  double inverse = 1.0 / (x + y), f = x * inverse;
  out[0] = f;
  out[1] = (1.0 - f) * inverse;
  out[2] = -f * inverse;
}

__attribute__((noipa)) static void sigmoids_at(double x, double y, double *restrict out) {
  double sig_x = 1.0 / (1.0 + exp(-x)), sig_y = 1.0 / (1.0 + exp(-y)), sum = x + y;
  double inverse = 1.0 / (sig_x + sum * sum), f = (x + sig_y) * inverse;
  out[0] = f;
  out[1] = inverse * (1.0 - f * (sig_x * (1.0 - sig_x) + 2.0 * sum));
  out[2] = inverse * (sig_y * (1.0 - sig_y) - f * 2.0 * sum);
}

void quotient(const double *point, double *out, long calls) {
  while (calls--) quotient_at(point[0], point[1], out);
}

void sigmoids(const double *point, double *out, long calls) {
  while (calls--) sigmoids_at(point[0], point[1], out);
}

/* xor: 3-4-1. Two hidden units share a vector, four rows in each half: parameters stay in registers, as 3 + 1 vectors
   for units 0 and 1 and as many for units 2 and 3, each weight in all four lanes of its half. */

void xor_net(vec *restrict parameters, const vec *restrict x, const vec *restrict y, long steps, double rate,
             double *restrict losses) {
  vec w[2][3], v[2], inputs[3], targets = y[0];
  rate /= 4;
  EACH(k, 3) inputs[k] = x[k];
  EACH(u, 2) {
    EACH(k, 3) w[u][k] = parameters[4 * u + k];
    v[u] = parameters[4 * u + 3];
  }
  for (long step = 0; step < steps; step++) {
    vec h[2];
    EACH(u, 2) h[u] = sigmoid(w[u][0] * inputs[0] + w[u][1] * inputs[1] + w[u][2] * inputs[2]);
    vec z = v[0] * h[0] + v[1] * h[1];
    vec out = sigmoid(z + __builtin_shuffle(z, (lanes){4, 5, 6, 7, 0, 1, 2, 3}));
    vec error = out - targets;
    vec d = error * (out - out * out) * rate;
    EACH(u, 2) {
      vec d_u = d * (v[u] * (h[u] - h[u] * h[u]));
      v[u] -= sum_of_half(d * h[u]);
      EACH(k, 3) w[u][k] -= sum_of_half(d_u * inputs[k]);
    }
    losses[step] = sum_of_half(error * error)[0] * (0.5 / 4);
  }
  EACH(u, 2) {
    EACH(k, 3) parameters[4 * u + k] = w[u][k];
    parameters[4 * u + 3] = v[u];
  }
}

/* iris: 4-20-3 in batches of 8. 24 places for hidden units: the one after the last always gives 1, and its weights are
   the biases of the output. Parameters: 4 rows of weights and one of biases, 3 vectors each; 3 rows of output weights. */

enum { IRIS = 24 };

static void adam(double *restrict p, const double *restrict g, double *restrict m, double *restrict s, double rate,
                 double correction) {
  for (int i = 0; i < IRIS * 8; i++) {
    m[i] = 0.9 * m[i] + 0.1 * g[i];
    s[i] = 0.999 * s[i] + 0.001 * (g[i] * g[i]);
    p[i] -= rate * m[i] / (sqrt(s[i] * correction) + 1e-8);
  }
}

void iris(vec *restrict parameters, vec *restrict mean, vec *restrict square, double *restrict powers,
          const double *restrict X, const vec *restrict Y, long batches, long steps, double rate,
          double *restrict losses) {
  const lanes real = {-1, -1, -1, -1, 0, 0, 0, 0};
  const vec constant = {0, 0, 0, 0, 1, 0, 0, 0};
  vec(*w)[3] = (void *)parameters, (*v)[3] = (void *)(parameters + 15);
  for (long step = 0, batch = 0; step < steps; step++, batch = batch + 1 < batches ? batch + 1 : 0) {
    const double(*x)[4] = (void *)(X + 32 * batch);
    const vec *y = Y + 3 * batch;
    vec h[8][3], gradients[IRIS], z[3], e[3];
    double d[3][8] __attribute__((aligned(64)));
    LOOP(half, 2) {
      vec a[4][3];
      EACH(r, 4) EACH(u, 3) a[r][u] = w[4][u];
      EACH(k, 4) EACH(r, 4) EACH(u, 3) a[r][u] += x[4 * half + r][k] * w[k][u];
      EACH(r, 4) {
        EACH(u, 3) a[r][u] = where(a[r][u] > 0.0, a[r][u]);
        a[r][2] += constant;
        EACH(u, 3) h[4 * half + r][u] = a[r][u];
      }
    }
    EACH(c, 3) {
      vec dots[8];
      EACH(r, 8) dots[r] = h[r][0] * v[c][0] + h[r][1] * v[c][1] + h[r][2] * v[c][2];
      z[c] = sums(dots);
    }
    vec top = max(max(z[0], z[1]), z[2]);
    EACH(c, 3) e[c] = vexp(z[c] - top);
    vec total = e[0] + e[1] + e[2], scale = 0.125 / total;
    EACH(c, 3) *(vec *)d[c] = e[c] * scale - y[c] * 0.125;

    vec g[3][3] = {};
    EACH(r, 8) EACH(c, 3) EACH(u, 3) g[c][u] += d[c][r] * h[r][u];
    vec back[5][3] = {};
    EACH(r, 8) {
      vec d1[3];
      EACH(u, 3) {
        d1[u] = where(h[r][u] > 0.0, d[0][r] * v[0][u] + d[1][r] * v[1][u] + d[2][r] * v[2][u]);
        if (u == 2) d1[u] = where(real, d1[u]);
        EACH(k, 4) back[k][u] += x[r][k] * d1[u];
        back[4][u] += d1[u];
      }
    }
    EACH(k, 5) EACH(u, 3) gradients[3 * k + u] = back[k][u];
    EACH(c, 3) EACH(u, 3) gradients[15 + 3 * c + u] = g[c][u];
    powers[0] *= 0.9;
    powers[1] *= 0.999;
    adam((double *)parameters, (double *)gradients, (double *)mean, (double *)square, rate / (1.0 - powers[0]),
         1.0 / (1.0 - powers[1]));

    double logs[8] __attribute__((aligned(64)));
    *(vec *)logs = total;
    LOOP(r, 8) logs[r] = log(logs[r]);
    losses[step] = sum_of(*(vec *)logs + top - (y[0] * z[0] + y[1] * z[1] + y[2] * z[2])) * 0.125;
  }
}

/* moons: 2-16-16-1 on 100 rows, 8 side by side in each of 13 vectors. `count` is 0 in the unused lanes, and so is
   their loss. Parameters are in their usual order: weights then biases, layer after layer. */

enum { ROWS = 13, WIDE = 16, W1 = 0, B1 = 32, W2 = 48, B2 = 304, W3 = 320, B3 = 336, MOONS = 344 };

static vec h1[ROWS][WIDE], h2[ROWS][WIDE], d1[ROWS][WIDE], d2[ROWS][WIDE], d3[ROWS], g[MOONS];

/* Forward and backward for n vectors of rows from r on, to the gradient of each unit. Returns the summed losses. */
INLINE vec moons_rows(const double *restrict p, const vec *restrict x0, const vec *restrict x1, const vec *restrict y,
                      const vec *restrict count, double rate, int r, const int n) {
  vec loss = {};
  FORGET;
  EACH(k, WIDE) EACH(i, n) {
    vec z = p[B1 + k] + p[W1 + 2 * k] * x0[r + i] + p[W1 + 2 * k + 1] * x1[r + i];
    h1[r + i][k] = where(z > 0.0, z);
  }
  LOOP(part, 2) {
    FORGET;
    const double *w = p + W2 + 8 * WIDE * part;
    vec z[8][2];
    EACH(j, 8) EACH(i, n) z[j][i] = splat(p[B2 + 8 * part + j]);
    LOOP(k, WIDE) EACH(j, 8) EACH(i, n) z[j][i] += w[WIDE * j + k] * h1[r + i][k];
    EACH(j, 8) EACH(i, n) h2[r + i][8 * part + j] = where(z[j][i] > 0.0, z[j][i]);
  }
  FORGET;
  EACH(i, n) {
    vec score[4] = {splat(p[B3])};
    EACH(j, WIDE) score[j % 4] += p[W3 + j] * h2[r + i][j];
    vec margin = count[r + i] - y[r + i] * ((score[0] + score[1]) + (score[2] + score[3]));
    loss += where(margin > 0.0, margin);
    d3[r + i] = where(margin > 0.0, -y[r + i] * rate);
    EACH(j, WIDE) d2[r + i][j] = where(h2[r + i][j] > 0.0, p[W3 + j] * d3[r + i]);
  }
  LOOP(part, 2) {
    FORGET;
    const double *w = p + W2 + 8 * part;
    vec z[8][2];
    EACH(k, 8) EACH(i, n) z[k][i] = (vec){};
    LOOP(j, WIDE) EACH(k, 8) EACH(i, n) z[k][i] += w[WIDE * j + k] * d2[r + i][j];
    EACH(k, 8) EACH(i, n) d1[r + i][8 * part + k] = where(h1[r + i][8 * part + k] > 0.0, z[k][i]);
  }
  return loss;
}

void moons(double *restrict p, const vec *restrict x0, const vec *restrict x1, const vec *restrict y,
           const vec *restrict count, long steps, double rate, double *restrict losses) {
  rate /= 100;
  for (long step = 0; step < steps; step++) {
    vec loss = {};
    LOOP(pair, ROWS / 2) loss += moons_rows(p, x0, x1, y, count, rate, 2 * pair, 2);
    loss += moons_rows(p, x0, x1, y, count, rate, ROWS - 1, 1);
    LOOP(tile, 4) {
      vec a[4][3] = {}, b[4][2] = {};
      LOOP(r, ROWS) EACH(i, 4) {
        vec d = d1[r][4 * tile + i];
        a[i][0] += d * x0[r];
        a[i][1] += d * x1[r];
        a[i][2] += d;
        b[i][0] += d2[r][4 * tile + i];
        b[i][1] += d3[r] * h2[r][4 * tile + i];
      }
      EACH(i, 4) {
        g[W1 + 2 * (4 * tile + i)] = a[i][0];
        g[W1 + 2 * (4 * tile + i) + 1] = a[i][1];
        g[B1 + 4 * tile + i] = a[i][2];
        g[B2 + 4 * tile + i] = b[i][0];
        g[W3 + 4 * tile + i] = b[i][1];
      }
    }
    LOOP(tile, 16) {
      int j0 = tile / 4 * 4, k0 = tile % 4 * 4;
      vec a[4][4] = {};
      LOOP(r, ROWS) EACH(j, 4) EACH(k, 4) a[j][k] += d2[r][j0 + j] * h1[r][k0 + k];
      EACH(j, 4) EACH(k, 4) g[W2 + WIDE * (j0 + j) + k0 + k] = a[j][k];
    }
    g[B3] = (vec){};
    LOOP(r, ROWS) g[B3] += d3[r];
    LOOP(i, MOONS / 8) ((vec *)p)[i] -= sums(g + 8 * i);
    losses[step] = sum_of(loss) * 0.01;
  }
}

/* digits: 64-30-10 in batches of 10. 32 places for hidden units: as for iris, the one after the last gives 1 and has
   the output's biases as weights. Parameters: 64 rows of weights and one of biases, then 10 rows of output weights,
   4 vectors each. The outputs of a batch are 100 numbers and 4 unused ones, whose targets equal their outputs. */

enum { PIXELS = 64, DIGITS = 10, OUTPUTS = 104 };

void digits(vec *restrict parameters, const double *restrict X, const double *restrict Y, long batches, long steps,
            double rate, double *restrict losses) {
  const lanes real = {-1, -1, -1, -1, -1, -1, 0, 0};
  const vec constant = {0, 0, 0, 0, 0, 0, 1, 0};
  vec(*w)[4] = (void *)parameters, (*v)[4] = (void *)(parameters + 4 * (PIXELS + 1)), *bias = w[PIXELS];
  static vec h[10][4], dots[OUTPUTS], d1[10][4];
  static double d2[OUTPUTS] __attribute__((aligned(64)));
  rate /= 10;
  for (long step = 0, batch = 0; step < steps; step++, batch = batch + 1 < batches ? batch + 1 : 0) {
    const double(*x)[PIXELS] = (void *)(X + 10 * PIXELS * batch);
    const vec *y = (const vec *)(Y + OUTPUTS * batch);
    LOOP(half, 2) {
      FORGET;
      vec a[5][4];
      EACH(r, 5) EACH(u, 4) a[r][u] = bias[u];
      LOOP(k, PIXELS) EACH(r, 5) EACH(u, 4) a[r][u] += x[5 * half + r][k] * w[k][u];
      EACH(r, 5) EACH(u, 4) h[5 * half + r][u] = a[r][u];
    }
    LOOP(r, 10) {
      EACH(u, 4) h[r][u] = sigmoid(h[r][u]);
      h[r][3] = where(real, h[r][3]) + constant;
    }
    LOOP(r, 10) {
      FORGET;
      EACH(c, DIGITS)
      dots[DIGITS * r + c] = (h[r][0] * v[c][0] + h[r][1] * v[c][1]) + (h[r][2] * v[c][2] + h[r][3] * v[c][3]);
    }
    vec loss = {};
    LOOP(i, OUTPUTS / 8) {
      vec out = sigmoid(sums(dots + 8 * i)), error = out - y[i];
      loss += error * error;
      ((vec *)d2)[i] = error * (out - out * out) * rate;
    }
    losses[step] = sum_of(loss) * (0.5 / 10);
    LOOP(half, 2) {
      FORGET;
      vec a[5][4] = {};
      LOOP(c, DIGITS) EACH(r, 5) EACH(u, 4) a[r][u] += d2[DIGITS * (5 * half + r) + c] * v[c][u];
      EACH(r, 5) EACH(u, 4) {
        vec out = h[5 * half + r][u];
        d1[5 * half + r][u] = a[r][u] * (out - out * out);
      }
    }
    LOOP(half, 2) {
      FORGET;
      vec a[5][4] = {};
      LOOP(r, 10) EACH(c, 5) EACH(u, 4) a[c][u] += d2[DIGITS * r + 5 * half + c] * h[r][u];
      EACH(c, 5) EACH(u, 4) v[5 * half + c][u] -= a[c][u];
    }
    LOOP(tile, PIXELS / 4) {
      FORGET;
      vec a[4][4] = {};
      LOOP(r, 10) EACH(k, 4) EACH(u, 4) a[k][u] += x[r][4 * tile + k] * d1[r][u];
      EACH(k, 4) EACH(u, 4) w[4 * tile + k][u] -= a[k][u];
    }
    EACH(r, 10) EACH(u, 4) bias[u] -= d1[r][u];
  }
}
