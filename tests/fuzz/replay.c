/* SPDX-License-Identifier: MIT */
/* replay.c - runs a fuzzer's entry over files, without a fuzzing engine.
 *
 *     fuzz_x FILE|FOLDER...
 *
 * Every compiler can build it, so `make check` proves the corpus and the regressions everywhere.
 * Prints how many inputs ran; exit status 1 when an argument cannot be read or nothing was there.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_MAX_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long inputs_total;

static int run_file(const char *path, size_t size)
{
    int result = -1;
    uint8_t *data = malloc(size + 1);
    FILE *file = fopen(path, "rb");
    if (data && file && fread(data, 1, size, file) == size) {
        LLVMFuzzerTestOneInput(data, size);
        inputs_total++;
        result = 0;
    } else {
        fprintf(stderr, "%s: cannot be read\n", path);
    }
    if (file)
        fclose(file);
    free(data);
    return result;
}

static int run_path(const char *path);

static int run_folder(const char *path)
{
    int result = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return -1;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char inside[PATH_MAX_BYTES];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (run_path(inside) < 0)
            result = -1;
    }
    closedir(folder);
    return result;
}

static int run_path(const char *path)
{
    struct stat found;
    if (stat(path, &found) < 0) {
        perror(path);
        return -1;
    }
    return S_ISDIR(found.st_mode) ? run_folder(path) : run_file(path, (size_t)found.st_size);
}

int main(int argc, char **argv)
{
    int status = 0;
    for (int i = 1; i < argc; i++)
        if (run_path(argv[i]) < 0)
            status = 1;
    printf("%lu inputs\n", inputs_total);
    return inputs_total ? status : 1;
}
