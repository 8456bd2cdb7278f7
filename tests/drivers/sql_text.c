/* SPDX-License-Identifier: MIT */
/* sql_text.c - the normaliser for tests in Python, and its speed.
 *
 *     sql_text                 standard input: "SYSTEM BYTES\n" and that many bytes, repeated.
 * Writes for each "FINGERPRINT FLAGS TEXT_BYTES SUMMARY_BYTES\n", the text and the summary.
 *     sql_text --speed ROUNDS  normalises one typical statement and one long one; prints ns and
 * MB/s
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sql/sql.h"

#define SYSTEM_BYTES 32
#define LONG_BYTES (1u << 20)

static const char typical[] =
    "SELECT o.id, o.created_at, o.total, c.name FROM orders o JOIN customers c ON c.id = "
    "o.customer_id WHERE o.status = 'open' AND o.total > 100.50 AND c.region IN ('N', 'S', 'W') "
    "ORDER BY o.created_at DESC LIMIT 50";

static int answer(void)
{
    char system[SYSTEM_BYTES];
    size_t size;
    static struct sql_result result;
    while (scanf("%31s %zu", system, &size) == 2) {
        getchar(); /* the line's end */
        char *text = malloc(size + 1);
        if (!text || fread(text, 1, size, stdin) != size)
            return 1;
        sql_normalise(sql_dialect_of(system, strlen(system)), text, size, &result);
        printf("%016" PRIx64 " %u %u %u\n", result.fingerprint, result.flags, result.text_size,
               result.summary_size);
        fwrite(result.text, 1, result.text_size, stdout);
        fwrite(result.summary, 1, result.summary_size, stdout);
        fflush(stdout);
        free(text);
    }
    return 0;
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void measure(const char *what, const char *text, size_t size, long rounds)
{
    static struct sql_result result;
    double start = now_ns();
    for (long i = 0; i < rounds; i++)
        sql_normalise(SQL_POSTGRESQL, text, size, &result);
    double each = (now_ns() - start) / (double)rounds;
    printf("%s: %zu bytes, %.0f ns, %.0f MB/s\n", what, size, each, (double)size * 1e3 / each);
}

/* INSERT of many rows, one megabyte. */
static char *long_statement(void)
{
    static const char row[] = "(12345, 'some name', NULL, '2024-01-01 12:00:00'), ";
    char *text = malloc(LONG_BYTES);
    size_t used = 0;
    if (!text)
        return NULL;
    used = (size_t)sprintf(text, "INSERT INTO orders (id, name, note, day) VALUES ");
    for (; used + sizeof row < LONG_BYTES; used += sizeof row - 1)
        memcpy(text + used, row, sizeof row - 1);
    memset(text + used, ' ', LONG_BYTES - used);
    return text;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return answer();
    long rounds = atol(argv[2]);
    char *text = long_statement();
    if (rounds <= 0 || !text)
        return 1;
    measure("typical", typical, sizeof typical - 1, rounds);
    measure("long", text, LONG_BYTES, 1 + rounds / 5000);
    free(text);
    return 0;
}
