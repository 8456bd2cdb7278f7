/* SPDX-License-Identifier: MIT */
#include "query/stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"

#define FRACTION_STEPS 300
#define FRACTION_PRECISION 1e-13
#define TINY 1e-300

/* Continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < TINY ? TINY : d);
    double result = d;
    for (int m = 1; m <= FRACTION_STEPS; m++) {
        for (int odd = 0; odd < 2; odd++) {
            double step = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                              : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 + step * d;
            d = 1 / (fabs(d) < TINY ? TINY : d);
            c = 1 + step / c;
            c = fabs(c) < TINY ? TINY : c;
            result *= c * d;
            if (odd && fabs(c * d - 1) < FRACTION_PRECISION)
                return result;
        }
    }
    return result;
}

static double incomplete_beta(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double stats_t_tail(double t, double df)
{
    if (df >= STATS_DF_MAX)
        return 0.5 * erfc(t / sqrt(2));
    double half = 0.5 * incomplete_beta(df / 2, 0.5, df / (df + t * t));
    return t >= 0 ? half : 1 - half;
}

double stats_t_quantile(double alpha, double df)
{
    double low = 0, high = 1;
    while (2 * stats_t_tail(high, df) > alpha && high < 1e9)
        high *= 2;
    for (int i = 0; i < 80; i++) {
        double middle = (low + high) / 2;
        if (2 * stats_t_tail(middle, df) > alpha)
            low = middle;
        else
            high = middle;
    }
    return high;
}

struct ranked {
    double p;
    size_t at;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->p != b->p)
        return a->p < b->p ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

int stats_adjust(const double *p, size_t count, double *adjusted)
{
    struct ranked *ranked = malloc((count + 1) * sizeof *ranked);
    if (!ranked)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){p[i], i};
    qsort(ranked, count, sizeof *ranked, compare_ranked);
    double least = 1;
    for (size_t i = count; i-- > 0;) {
        double scaled = ranked[i].p * (double)count / (double)(i + 1);
        least = scaled < least ? scaled : least;
        adjusted[ranked[i].at] = least;
    }
    free(ranked);
    return 0;
}

/* The variance from the residuals of neighbouring blocks, `group` of them taken together. What is
 * left between them (a phase longer than a block) shows as correlation of neighbours; the variance
 * grows and the degrees of freedom shrink as for a first-order autoregression. A negative
 * correlation is not believed. */
static struct stats_ratio from_residuals(const double *rest, size_t blocks, size_t group)
{
    double square = 0, product = 0, before = 0;
    size_t groups = blocks / group;
    for (size_t i = 0; i < groups; i++) {
        double sum = 0; /* what does not fill a group goes to the last */
        for (size_t k = i * group; k < (i + 1 < groups ? (i + 1) * group : blocks); k++)
            sum += rest[k];
        square += sum * sum;
        product += i ? sum * before : 0;
        before = sum;
    }
    double count = (double)groups;
    double rho = square > 0 ? product / square + 1 / count : 0; /* the estimate is low by 1/count */
    rho = fmin(fmax(rho, 0), STATS_MAX_CORRELATION);
    double inflation = (1 + rho) / (1 - rho);
    return (struct stats_ratio){
        .variance = count / (count - 1) * square * inflation,
        .df = fmax((count - 1) / inflation, 1),
    };
}

struct stats_ratio stats_ratio(const double *x, const double *d, size_t blocks)
{
    double x_sum = 0, d_sum = 0, rest[STATS_MAX_BLOCKS];
    blocks = blocks < STATS_MAX_BLOCKS ? blocks : STATS_MAX_BLOCKS;
    for (size_t i = 0; i < blocks; i++) {
        x_sum += x[i];
        d_sum += d[i];
    }
    if (d_sum <= 0 || blocks < 2)
        return (struct stats_ratio){0, 0, 1};
    double value = x_sum / d_sum;
    for (size_t i = 0; i < blocks; i++)
        rest[i] = (x[i] - value * d[i]) / d_sum;
    struct stats_ratio result = from_residuals(rest, blocks, 1);
    if (blocks >= STATS_COARSE_FROM) {
        struct stats_ratio coarse = from_residuals(rest, blocks, STATS_COARSE);
        if (coarse.variance > result.variance)
            result = coarse;
    }
    result.value = value;
    return result;
}
