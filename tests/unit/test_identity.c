/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "daemon/command.h"
#include "daemon/identity.h"

/* Words are separated by a bar. */
static void expect_name(const char *words, const char *folder, const char *name)
{
    char arguments[512], out[IDENTITY_MAX];
    size_t size = strlen(words) + 1;
    memcpy(arguments, words, size);
    for (char *bar = arguments; (bar = strchr(bar, '|'));)
        *bar++ = 0;
    assert_true(identity_from_command(arguments, size, folder, out));
    assert_string_equal(out, name);
}

static void test_identity__scripts_are_named_by_their_file(void **state)
{
    (void)state;
    expect_name("python3|/srv/shop/worker.py|--fast", "", "worker.py");
    expect_name("/usr/bin/python3.12|-u|-X|dev|-Wd|worker.py", "/srv", "worker.py");
    expect_name("python|/srv/shop/main.py", "/", "shop/main.py");
    expect_name("python|manage.py|runserver", "/srv/shop", "shop/manage.py runserver");
    expect_name("/usr/local/bin/tool|x", "/", "tool");
}

static void test_identity__modules_and_code_are_named(void **state)
{
    (void)state;
    expect_name("python3|-m|http.server|8000", "/srv", "http.server");
    expect_name("python3|-Im|http.server", "/srv", "http.server");
    expect_name("python3|-mhttp.server", "/srv", "http.server");
    expect_name("python3|-c|import time", "/srv", "python");
    expect_name("python3", "/srv", "python");
}

static void test_identity__servers_are_named_with_their_application(void **state)
{
    (void)state;
    expect_name("python|/usr/bin/gunicorn|-w|4|-b|0.0.0.0:80|shop.wsgi:app", "/",
                "gunicorn shop.wsgi:app");
    expect_name("python|/usr/bin/gunicorn|-c|gunicorn.conf.py|shop.wsgi", "/",
                "gunicorn shop.wsgi");
    expect_name("gunicorn: worker [shop.wsgi:app]", "/", "gunicorn shop.wsgi:app");
    expect_name("python|-m|uvicorn|--host|localhost:80|api:make()", "/", "uvicorn api:make()");
    expect_name("python|/bin/celery|-A|tasks|worker", "/", "celery -A tasks");
    expect_name("python|/bin/celery|--app=tasks|worker", "/", "celery -A tasks");
    expect_name("python|/bin/gunicorn", "/", "gunicorn");
}

static void test_identity__what_others_wrote_is_made_harmless(void **state)
{
    char out[16];
    (void)state;
    expect_name("python|/srv/a\nb\x1b[1m.py", "/", "a?b?[1m.py");
    command_copy(out, sizeof out, "fourteen bytes\xc3\xa4\xc3\xa4", 18);
    assert_string_equal(out, "fourteen bytes"); /* the 15th is half a character */
}

static void test_identity__a_unit_or_a_container_names_it(void **state)
{
    char out[IDENTITY_MAX];
    (void)state;
    assert_true(identity_from_cgroup("0::/system.slice/shop.service\n", out));
    assert_string_equal(out, "shop");
    assert_true(identity_from_cgroup("0::/system.slice/worker@3.service/payload\n", out));
    assert_string_equal(out, "worker");
    assert_true(identity_from_cgroup(
        "0::/system.slice/docker-"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope\n",
        out));
    assert_string_equal(out, "container 0123456789ab");
    assert_true(identity_from_cgroup("1:name=systemd:/lxc.payload.web1\n0::/\n", out));
    assert_string_equal(out, "web1");
}

static void test_identity__a_session_names_nothing(void **state)
{
    char out[IDENTITY_MAX];
    (void)state;
    assert_false(identity_from_cgroup("0::/user.slice/user-1000.slice/session-2.scope\n", out));
    assert_false(identity_from_cgroup("0::/user.slice/user-0.slice/user@0.service\n", out));
    assert_false(identity_from_cgroup("0::/system.slice/cron.service\n", out));
    assert_false(identity_from_cgroup("0::/\n", out));
    assert_false(identity_from_cgroup("", out));
}

static void test_identity__only_whole_variables_count(void **state)
{
    static const char environment[] = "XPITVIPER_SERVICE=no\0PITVIPER_SERVICE=shop\0A=\0B";
    char out[32] = "before";
    (void)state;
    assert_true(
        identity_variable(environment, sizeof environment, "PITVIPER_SERVICE", out, sizeof out));
    assert_string_equal(out, "shop");
    assert_false(identity_variable(environment, sizeof environment, "A", out, sizeof out));
    assert_false(identity_variable(environment, sizeof environment, "B", out, sizeof out));
    assert_string_equal(out, "shop");
}

static void test_identity__helpers_of_multiprocessing_are_known(void **state)
{
    static const char fork[] = "python\0-c\0from multiprocessing.spawn import spawn_main; "
                               "spawn_main(pipe_handle=7)\0--multiprocessing-fork";
    static const char plain[] = "python\0work.py";
    (void)state;
    assert_true(command_is_helper(fork, sizeof fork));
    assert_false(command_is_helper(plain, sizeof plain));
}
