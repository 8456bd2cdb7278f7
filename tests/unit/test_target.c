/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "fake_target.h"
#include "os/caps.h"
#include "os/procfs.h"
#include "target/own.h"
#include "target/target.h"

static const uint32_t table_versions[] = {0x03060ff0, 0x030710f0, 0x030812f0, 0x030912f0,
                                          0x030a0df0, 0x030b07f0, 0x030c01f0};
#define TABLES (sizeof table_versions / sizeof table_versions[0])

static struct fake memory;

static struct target *open_fake(uint32_t version_hex)
{
    const struct pyabi *abi = pyabi_for_version(version_hex);
    assert_non_null(abi);
    fake_build(&memory, abi);
    struct target *target = target_new(getpid(), fake_readv, &memory);
    assert_non_null(target);
    target->abi = *abi;
    int32_t head = abi->runtime.interpreters_head >= 0 ? abi->runtime.interpreters_head : 0;
    target->interp_head_slot.value = FAKE_RUNTIME + (uint64_t)head;
    return target;
}

static void test_target__every_table_is_proven_on_its_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLES; i++) {
        struct target *target = open_fake(table_versions[i]);
        struct proof proof;
        assert_int_equal(proof_walk(target, &proof), 0);
        assert_int_equal(proof.interpreters, 1);
        assert_int_equal(proof.threads, 2);
        assert_int_equal(proof.frames, 4);
        assert_int_equal(proof.codes, 4);
        assert_int_equal(proof.code_type.value, FAKE_TYPE);
        assert_int_equal(proof.thread_ids[1], 0x7001);
        target_close(target);
    }
}

static void test_target__another_layout_is_not_proven(void **state)
{
    (void)state;
    struct proof proof;
    struct target *target = open_fake(0x030812f0);
    target->abi = *pyabi_for_version(0x030b07f0);
    assert_int_not_equal(proof_walk(target, &proof), 0);
    target_close(target);

    target = open_fake(0x030c01f0);
    memcpy(memory.bytes + (FAKE_TYPE_NAME - FAKE_BASE), "dict", 5);
    assert_int_equal(proof_walk(target, &proof), ERR_BAD_DATA);
    target_close(target);
}

static void test_target__empty_lists_mean_starting(void **state)
{
    (void)state;
    struct proof proof;
    struct target *target = open_fake(0x030a0df0);
    fake_put_ptr(&memory, FAKE_INTERP, target->abi.interp.threads_head, 0);
    assert_int_equal(proof_walk(target, &proof), ERR_STARTING);
    fake_put_ptr(&memory, target->interp_head_slot.value, 0, 0);
    assert_int_equal(proof_walk(target, &proof), ERR_STARTING);
    target->interp_head_slot.value = 16; /* unmapped */
    assert_int_equal(proof_walk(target, &proof), ERR_BAD_DATA);
    target_close(target);
}

static void test_target__cycles_end(void **state)
{
    (void)state;
    struct proof proof;
    struct target *target = open_fake(0x030c01f0);
    const struct pyabi *abi = &target->abi;
    fake_put_ptr(&memory, FAKE_INTERP, abi->interp.next, FAKE_INTERP);
    fake_put_ptr(&memory, FAKE_THREAD(1), abi->tstate.next, FAKE_THREAD(0));
    fake_put_ptr(&memory, FAKE_FRAME(1), abi->frame.previous, FAKE_FRAME(0));
    proof_walk(target, &proof);
    assert_true(proof.threads <= PROOF_MAX_THREADS);
    assert_true(proof.interpreters <= PROOF_MAX_INTERPRETERS);
    assert_true(memory.reads < PROOF_MAX_THREADS * (PROOF_MAX_FRAMES * 6 + 10));
    target_close(target);
}

static void test_target__head_is_found_by_scanning(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLES; i++) {
        struct target *target = open_fake(table_versions[i]);
        struct objects objects;
        struct raddr head;
        uint64_t expected = target->interp_head_slot.value;
        assert_int_equal(fake_objects(&objects), 0);
        assert_int_equal(objects.count, 1);
        const struct pyabi abi = target->abi;
        objects.maps.list[0].inode = 0; /* up to 3.10 interpreters are not in a file's mapping */
        assert_int_equal(scan_interp_head(target, &objects, &objects.list[0], &abi, &head), 0);
        assert_int_equal(head.value, expected);
        fake_put_ptr(&memory, FAKE_THREAD(0), abi.tstate.interp, 0);
        assert_int_equal(scan_interp_head(target, &objects, &objects.list[0], &abi, &head),
                         ERR_NOT_FOUND);
        objects_done(&objects);
        target_close(target);
    }
}

static void test_target__version_text_is_found_by_scanning(void **state)
{
    (void)state;
    struct target *target = open_fake(0x030a0df0);
    struct objects objects;
    uint32_t version = 0;
    assert_int_equal(fake_objects(&objects), 0);
    assert_int_equal(scan_version(target, &objects, &objects.list[0], &version), ERR_NOT_FOUND);
    static const char decoy[] = "needs 3.99.1 (or so)", text[] = "3.9.18 (main, Aug 25 2025)";
    memcpy(memory.bytes + (FAKE_FREE - FAKE_BASE), decoy, sizeof decoy);
    assert_int_equal(scan_version(target, &objects, &objects.list[0], &version), ERR_NOT_FOUND);
    memcpy(memory.bytes + (FAKE_FREE - FAKE_BASE) + 64, text, sizeof text);
    assert_int_equal(scan_version(target, &objects, &objects.list[0], &version), 0);
    assert_int_equal(version, 0x030912f0);
    objects_done(&objects);
    target_close(target);
}

static void test_target__patch_level_comes_from_a_constant(void **state)
{
    (void)state;
    struct target *target = open_fake(0x030912f0);
    struct objects objects;
    uint32_t version = 0x03090000;
    assert_int_equal(fake_objects(&objects), 0);
    objects.maps.list[0].writable = false;
    static const char constants[] = "13.9.1\0003.9.2 or so\000/opt/3.9.18";
    memcpy(memory.bytes + (FAKE_FREE - FAKE_BASE), constants, sizeof constants);
    assert_int_equal(scan_version_literal(target, &objects, &objects.list[0], &version), 0);
    assert_int_equal(version, 0x030912f0);
    version = 0x03080000;
    assert_int_equal(scan_version_literal(target, &objects, &objects.list[0], &version),
                     ERR_NOT_FOUND);
    assert_int_equal(version, 0x03080000);
    version = 0x03090000; /* two of them: none is believed */
    memcpy(memory.bytes + (FAKE_FREE - FAKE_BASE) + 64, "/lib/3.9.2", 11);
    assert_int_equal(scan_version_literal(target, &objects, &objects.list[0], &version),
                     ERR_NOT_FOUND);
    objects_done(&objects);
    target_close(target);
}

static void test_target__versions_are_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t version_hex;
    } cases[] = {{"3.12.1", 0x030c01f0},
                 {"3.13.0rc2", 0x030d00c2},
                 {"3.9.0a6+", 0x030900a6},
                 {"3.10.13+", 0x030a0df0},
                 {"2.7.18", 0x020712f0},
                 {"3.12", 0},
                 {"3.", 0},
                 {"", 0},
                 {"4.0.0", 0},
                 {"3.12.1rc", 0},
                 {"3.300.1", 0},
                 {"x3.12.1", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(version_parse(cases[i].text, strlen(cases[i].text)), cases[i].version_hex);
    }
    assert_int_equal(version_from_path("/usr/lib/libpython3.8.so.1.0"), 0x03080000);
    assert_int_equal(version_from_path("/usr/bin/python3.14t"), 0x030e0000);
    assert_int_equal(version_from_path("/usr/bin/python3"), 0);
    assert_int_equal(version_from_path("/opt/python3.9/bin/app"), 0);
    assert_int_equal(version_from_path("/usr/bin/ruby"), 0);
    char text[32];
    version_format(0x030d00c2, true, text);
    assert_string_equal(text, "3.13.0rc2t");
    version_format(0xffffffff, true, text);
    assert_string_equal(text, "255.255.255t");
    version_format(0x03080000, false, text);
    assert_string_equal(text, "3.8");
}

static void check_str(struct target *target, unsigned kind, bool ascii, const void *characters,
                      size_t length, size_t limit, const char *expected)
{
    char out[256];
    fake_put_str(&memory, &target->abi, FAKE_FREE, kind, ascii, characters, length);
    assert_int_equal(target_read_str(target, (struct raddr){FAKE_FREE}, out, limit),
                     strlen(expected));
    assert_string_equal(out, expected);
}

static void test_target__every_kind_of_str_becomes_utf8(void **state)
{
    (void)state;
    static const uint16_t two[] = {'a', 0x4e2d, 0xd800, 0x20ac};
    static const uint32_t four[] = {0x1f40d, 'b', 0x110000, 0xdfff};
    for (size_t i = 0; i < TABLES; i++) {
        struct target *target = open_fake(table_versions[i]);
        check_str(target, 1, true, "plain", 5, 256, "plain");
        check_str(target, 1, false, "caf\xe9", 4, 256, "caf\xc3\xa9");
        check_str(target, 2, false, two, 4, 256, "a\xe4\xb8\xad\xef\xbf\xbd\xe2\x82\xac");
        check_str(target, 4, false, four, 4, 256,
                  "\xf0\x9f\x90\x8d"
                  "b\xef\xbf\xbd\xef\xbf\xbd");
        check_str(target, 1, true, "", 0, 256, "");
        target_close(target);
    }
}

static void test_target__long_str_is_cut_on_a_character(void **state)
{
    (void)state;
    static const uint16_t two[] = {'a', 0x4e2d, 'b'};
    struct target *target = open_fake(0x030c01f0);
    check_str(target, 1, true, "plain", 5, 4, "pla");
    check_str(target, 2, false, two, 3, 4, "a");
    check_str(target, 2, false, two, 3, 5, "a\xe4\xb8\xad");
    check_str(target, 1, true, "plain", 5, 1, "");
    target_close(target);
}

static void test_target__impossible_objects_are_refused(void **state)
{
    (void)state;
    struct target *target = open_fake(0x030c01f0);
    char out[64];
    uint64_t full;
    struct raddr at = {FAKE_FREE};
    fake_put_str(&memory, &target->abi, at.value, 1, true, "x", 1);
    fake_put_ptr(&memory, at.value, target->abi.unicode.length, UINT64_MAX);
    assert_int_equal(target_read_str(target, at, out, sizeof out), ERR_BAD_DATA);
    fake_put_ptr(&memory, at.value, target->abi.unicode.length, INT64_MAX); /* a claim, not read */
    assert_true(target_read_str(target, at, out, sizeof out) > 0);
    fake_put(&memory, at.value, target->abi.unicode.state, 3u << target->abi.unicode.kind_shift, 4);
    assert_int_equal(target_read_str(target, at, out, sizeof out), ERR_BAD_DATA);
    assert_int_equal(target_read_str(target, (struct raddr){0}, out, sizeof out), ERR_FAULT);
    assert_int_equal(target_read_str(target, at, out, 0), ERR_LIMIT);

    fake_put_ptr(&memory, at.value, target->abi.bytes.ob_size, 1u << 30);
    memcpy(memory.bytes + (at.value - FAKE_BASE) + target->abi.bytes.data, "abcdefgh", 8);
    assert_int_equal(target_read_bytes(target, at, out, 8, &full), 8);
    assert_int_equal(full, 1u << 30);
    assert_memory_equal(out, "abcdefgh", 8);
    fake_put_ptr(&memory, at.value, target->abi.bytes.ob_size, UINT64_MAX);
    assert_int_equal(target_read_bytes(target, at, out, 8, &full), ERR_BAD_DATA);
    target_close(target);
}

static void check_denied(struct caps caps, uid_t owner, const char *word)
{
    struct err err = {0};
    struct proc_status status = {.uid = owner, .euid = owner};
    assert_int_equal(denied_explain(42, &status, &caps, &err), ERR_DENIED);
    assert_int_equal(err_exit_status(err.code), 77);
    if (!strstr(err.text, word) || !strstr(err.text, "pid 42"))
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
}

static void test_target__every_refusal_names_its_remedy(void **state)
{
    (void)state;
    check_denied((struct caps){.euid = 1000, .yama_scope = -1}, 0, "run as root");
    check_denied((struct caps){.euid = 1000, .yama_scope = -1}, 0, "setcap cap_sys_ptrace");
    check_denied((struct caps){.euid = 1000, .yama_scope = 1}, 1000,
                 "sysctl kernel.yama.ptrace_scope=0");
    check_denied((struct caps){.euid = 1000, .yama_scope = 2}, 1000, "ptrace_scope is 2");
    check_denied((struct caps){.euid = 0, .sys_ptrace = true, .yama_scope = 3}, 0, "reboot");
    check_denied((struct caps){.euid = 1000, .yama_scope = 0}, 1000, "PR_SET_DUMPABLE");
    check_denied((struct caps){.euid = 0, .yama_scope = -1, .container = "docker"}, 0,
                 "--cap-add SYS_PTRACE");
    check_denied((struct caps){.euid = 0, .yama_scope = 1}, 1000, "securityContext");
    check_denied((struct caps){.euid = 0, .sys_ptrace = true, .yama_scope = -1, .seccomp = 2}, 0,
                 "seccomp");
    check_denied((struct caps){.euid = 0, .sys_ptrace = true, .yama_scope = -1}, 0, "SELinux");
}

static void check_open(pid_t pid, int code, const char *word)
{
    struct target *target = (struct target *)&memory, *before = target;
    struct err err = {0};
    assert_int_equal(target_open(pid, NULL, &target, &err), code);
    assert_ptr_equal(target, before);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, word))
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
}

static void test_target__what_is_no_python_is_named(void **state)
{
    (void)state;
    struct proc_stat stat;
    check_open(getpid(), ERR_NOT_PYTHON, "not a Python process");
    check_open(0, ERR_USAGE, "not a process id");
    check_open(-5, ERR_USAGE, "not a process id");
    check_open(1 << 30, ERR_GONE, "no such process");
    if (proc_stat_read(2, &stat) == 0 && stat.kernel_thread)
        check_open(2, ERR_NOT_PYTHON, "kernel thread");
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    check_open(child, ERR_GONE, "zombie");
    waitpid(child, NULL, 0);
    check_open(child, ERR_GONE, "no such process");
}

static void test_target__processes_may_exit_at_any_moment(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct target *target = NULL;
        struct err err = {0};
        pid_t child = fork();
        if (child == 0) {
            usleep(i * 10);
            _exit(0);
        }
        int result = target_open(child, NULL, &target, &err);
        assert_true(result == ERR_GONE || result == ERR_NOT_PYTHON);
        assert_true(err.text[0]);
        waitpid(child, NULL, 0);
    }
}

static void test_target__waiting_has_an_end(void **state)
{
    (void)state;
    struct target *target = NULL;
    struct target_options options = {.wait_ms = 50, .launched = true};
    uint64_t begin_ns = clock_mono_ns();
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    assert_int_equal(target_open(child, &options, &target, NULL), ERR_NOT_PYTHON);
    uint64_t took_ms = (clock_mono_ns() - begin_ns) / 1000000;
    assert_true(took_ms >= 50 && took_ms < 5000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}
