/* The C twins of bench/language_kernels.py, where one is short. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int64_t fannkuch(int64_t n) {
    int64_t permutation[16], count[16], work[16], flips_max = 0, size = n;
    for (int64_t i = 0; i < n; i++)
        permutation[i] = i;
    for (;;) {
        for (; size != 1; size--)
            count[size - 1] = size;
        memcpy(work, permutation, n * sizeof *work);
        int64_t flips = 0;
        while (work[0] != 0) {
            for (int64_t low = 0, high = work[0]; low < high; low++, high--) {
                int64_t kept = work[low];
                work[low] = work[high];
                work[high] = kept;
            }
            flips++;
        }
        if (flips > flips_max)
            flips_max = flips;
        for (;;) {
            if (size == n)
                return flips_max;
            int64_t first = permutation[0];
            for (int64_t i = 0; i < size; i++)
                permutation[i] = permutation[i + 1];
            permutation[size] = first;
            if (--count[size] > 0)
                break;
            size++;
        }
    }
}

double n_body(double *bodies, int64_t count, int64_t steps) {
    for (int64_t step = 0; step < steps; step++) {
        for (int64_t i = 0; i < count; i++)
            for (int64_t j = i + 1; j < count; j++) {
                double *a = bodies + 7 * i, *b = bodies + 7 * j, difference[3], square = 0.0;
                for (int k = 0; k < 3; k++) {
                    difference[k] = a[k] - b[k];
                    square += difference[k] * difference[k];
                }
                double magnitude = 0.01 / (square * sqrt(square));
                for (int k = 0; k < 3; k++) {
                    a[3 + k] -= difference[k] * b[6] * magnitude;
                    b[3 + k] += difference[k] * a[6] * magnitude;
                }
            }
        for (int64_t i = 0; i < count; i++)
            for (int k = 0; k < 3; k++)
                bodies[7 * i + k] += 0.01 * bodies[7 * i + 3 + k];
    }
    double energy = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double *a = bodies + 7 * i;
        energy += 0.5 * a[6] * (a[3] * a[3] + a[4] * a[4] + a[5] * a[5]);
        for (int64_t j = i + 1; j < count; j++) {
            double *b = bodies + 7 * j, x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
            energy -= a[6] * b[6] / sqrt(x * x + y * y + z * z);
        }
    }
    return energy;
}

static double element(int64_t i, int64_t j, int64_t k) { return (double)((i + j) * (i + j + 1) / 2 + k + 1); }

double spectral_norm(int64_t n) {
    double *u = malloc(n * sizeof *u), *v = calloc(n, sizeof *v), *work = malloc(n * sizeof *work);
    for (int64_t i = 0; i < n; i++)
        u[i] = 1.0;
    for (int round = 0; round < 20; round++) {
        const double *source = round % 2 ? v : u;
        double *target = round % 2 ? u : v;
        for (int64_t i = 0; i < n; i++) {
            double total = 0.0;
            for (int64_t j = 0; j < n; j++)
                total += source[j] / element(i, j, i);
            work[i] = total;
        }
        for (int64_t i = 0; i < n; i++) {
            double total = 0.0;
            for (int64_t j = 0; j < n; j++)
                total += work[j] / element(i, j, j);
            target[i] = total;
        }
    }
    double above = 0.0, below = 0.0;
    for (int64_t i = 0; i < n; i++) {
        above += u[i] * v[i];
        below += v[i] * v[i];
    }
    free(u);
    free(v);
    free(work);
    return sqrt(above / below);
}

int64_t mandelbrot(int64_t size) {
    int64_t inside = 0;
    for (int64_t row = 0; row < size; row++)
        for (int64_t column = 0; column < size; column++) {
            double imaginary = 2.0 * row / size - 1.0, real = 2.0 * column / size - 1.5, x = 0.0, y = 0.0;
            int round = 0;
            for (; round < 50; round++) {
                double next = x * x - y * y + real;
                y = 2.0 * x * y + imaginary;
                x = next;
                if (x * x + y * y > 4.0)
                    break;
            }
            inside += round == 50;
        }
    return inside;
}

/* Bytes, so for ASCII text. */
int64_t levenshtein(const char *a, const char *b) {
    int64_t n = strlen(b), *row = malloc((n + 1) * sizeof *row);
    for (int64_t j = 0; j <= n; j++)
        row[j] = j;
    for (int64_t i = 1; a[i - 1]; i++) {
        int64_t diagonal = row[0];
        row[0] = i;
        for (int64_t j = 1; j <= n; j++) {
            int64_t above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    int64_t result = row[n];
    free(row);
    return result;
}
