/* SPDX-License-Identifier: MIT */
/* stats.h - the three pieces of statistics that differences need. Pure. */
#pragma once

#include <stddef.h>

#define STATS_DF_MAX 1e6 /* from here on Student's distribution is taken as the normal one */

/* P(T > t) of Student's distribution with df > 0 degrees of freedom (fractions are fine). */
double stats_t_tail(double t, double df);

/* The t with P(|T| > t) = alpha, 0 < alpha < 1. */
double stats_t_quantile(double alpha, double df);

/* Benjamini and Hochberg's adjusted p-values: rejecting where adjusted[i] <= q keeps the expected
 * share of false findings among the findings at or below q. `adjusted` may be `p`. 0 or
 * ERR_NO_MEMORY. */
int stats_adjust(const double *p, size_t count, double *adjusted);

/* The mean of a ratio and how sure it is, from blocks of time that need not be independent: judged
 * once by the blocks as they are and, when there are enough, by STATS_COARSE of them at a time; the
 * larger variance counts. */
#define STATS_MAX_BLOCKS 60
#define STATS_COARSE 3
#define STATS_COARSE_FROM 30
#define STATS_MAX_CORRELATION 0.9

struct stats_ratio {
    double value;    /* sum of x / sum of d; 0 when there is no d */
    double variance; /* of value */
    double df;       /* effective degrees of freedom of the variance */
};
struct stats_ratio stats_ratio(const double *x, const double *d, size_t blocks);
