/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "daemon/mail.h"

static void test_mail__windows_are_lost_before_order_is(void **state)
{
    struct mail mail;
    (void)state;
    mail_init(&mail);
    for (uint32_t i = 0; i < 10; i++) {
        struct letter *letter = letter_new(LETTER_WINDOW, NULL, i);
        letter->cpu_count = 1u << 17; /* so many rows: 4 MiB */
        letter->cpu = malloc(sizeof *letter->cpu);
        mail_post(&mail, letter);
    }
    mail_post(&mail, letter_new(LETTER_ENDED, NULL, 99));
    assert_true(mail_lost(&mail) > 0);
    uint32_t windows = 0, ends = 0;
    for (struct letter *letter; (letter = mail_take(&mail)); letter_free(letter)) {
        windows += letter->kind == LETTER_WINDOW;
        ends += letter->kind == LETTER_ENDED;
    }
    assert_int_equal(windows + mail_lost(&mail), 10);
    assert_int_equal(ends, 1);
    mail_done(&mail);
}
