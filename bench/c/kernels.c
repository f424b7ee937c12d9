/* The C twins of bench/kernels.py: the same loops over the same arrays, as a C programmer would write them. */
#include <math.h>
#include <stdint.h>

int64_t fib(int64_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

double assign(const double *points, int64_t rows, int64_t dimensions, const double *centres, int64_t clusters,
              int64_t *labels) {
    double total = 0.0;
    for (int64_t i = 0; i < rows; i++) {
        double best = INFINITY;
        int64_t label = 0;
        for (int64_t k = 0; k < clusters; k++) {
            double distance = 0.0;
            for (int64_t j = 0; j < dimensions; j++) {
                double difference = points[i * dimensions + j] - centres[k * dimensions + j];
                distance += difference * difference;
            }
            if (distance < best) {
                best = distance;
                label = k;
            }
        }
        labels[i] = label;
        total += best;
    }
    return total;
}

double gradient(const double *x, int64_t rows, int64_t features, const double *y, const double *weights, double *out) {
    double loss = 0.0;
    for (int64_t i = 0; i < rows; i++) {
        double z = weights[features];
        for (int64_t j = 0; j < features; j++)
            z += weights[j] * x[i * features + j];
        double p = 1.0 / (1.0 + exp(-z));
        double error = p - y[i];
        for (int64_t j = 0; j < features; j++)
            out[j] += error * x[i * features + j];
        out[features] += error;
        loss += error * error;
    }
    return loss;
}

void elementwise(const double *x, const double *y, int64_t rows, double *out) {
    for (int64_t i = 0; i < rows; i++)
        out[i] = x[i] * x[i] + 3.0 * y[i] - 1.0;
}
