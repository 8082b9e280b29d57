/* replay.c - runs a fuzz target over files and over random bytes, with any compiler. */
#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "fuzz/target.h"
#include "tests/support/tap.h"

/* usage: replay [--random N] [--seed S] [FILE or FOLDER]...
 * Random input number i has the seed S + i, so that one which fails is run alone by
 * `--random 1 --seed`. When the target ends the process, the last lines say which input it was. */

#define INPUT_MAX (1u << 20)
#define RANDOM_MAX 512u

static uint8_t input[INPUT_MAX];
static char running[600]; /* for the handler */
static unsigned long random_count, random_seed = 1;
static char **paths;
static int paths_count;
static unsigned long files_run;

/* Async-signal-safe, and the signal is raised again. */
static void died(int number)
{
    static const char before[] = "\n# died on ";
    if (write(1, before, sizeof before - 1) < 0 || write(1, running, strlen(running)) < 0 ||
        write(1, "\n", 1) < 0)
        _exit(3);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void run(size_t size)
{
    /* A block of just this size, so that a sanitizer sees a read behind its end. */
    uint8_t *copy = malloc(size + (size == 0));
    require(copy != NULL);
    memcpy(copy, input, size);
    check_eq(LLVMFuzzerTestOneInput(copy, size), 0);
    free(copy);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    snprintf(running, sizeof running, "%s", path);
    require(file != NULL);
    size_t size = fread(input, 1, sizeof input, file);
    check(!ferror(file));
    fclose(file);
    run(size);
    files_run++;
}

static void run_folder(const char *path)
{
    DIR *folder = opendir(path);
    char name[512];
    require(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        int length = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        require(length > 0 && (size_t)length < sizeof name);
        run_file(name);
    }
    closedir(folder);
}

TAP_TEST(replay__files)
{
    for (int i = 0; i < paths_count; i++) {
        struct stat status;
        snprintf(running, sizeof running, "%s", paths[i]);
        require(stat(paths[i], &status) == 0);
        if (S_ISDIR(status.st_mode))
            run_folder(paths[i]);
        else
            run_file(paths[i]);
    }
    check(files_run > 0);
    printf("# %lu files\n", files_run);
}

/* A good generator is not needed: any that differs from seed to seed (splitmix64). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

TAP_TEST(replay__random)
{
    for (unsigned long i = 0; i < random_count; i++) {
        uint64_t state = random_seed + i;
        size_t size = next_random(&state) % (RANDOM_MAX + 1);
        snprintf(running, sizeof running, "--random 1 --seed %lu", random_seed + i);
        for (size_t k = 0; k < size; k++)
            input[k] = (uint8_t)next_random(&state);
        run(size);
    }
    printf("# %lu inputs from seed %lu\n", random_count, random_seed);
}

int main(int count, char **arguments)
{
    int i = 1;
    for (; i + 1 < count && strncmp(arguments[i], "--", 2) == 0; i += 2) {
        unsigned long number = strtoul(arguments[i + 1], NULL, 0);
        if (strcmp(arguments[i], "--random") == 0)
            random_count = number;
        else if (strcmp(arguments[i], "--seed") == 0)
            random_seed = number;
        else
            break;
    }
    if (i < count && strncmp(arguments[i], "--", 2) == 0) {
        fprintf(stderr, "usage: replay [--random N] [--seed S] [FILE or FOLDER]...\n");
        return 2;
    }
    paths = arguments + i;
    paths_count = count - i;
    if (signal(SIGABRT, died) == SIG_ERR || signal(SIGSEGV, died) == SIG_ERR)
        return 3;
    if (paths_count > 0)
        tap_run(replay__files);
    if (random_count > 0)
        tap_run(replay__random);
    return tap_done();
}
