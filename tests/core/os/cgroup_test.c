/* cgroup_test.c - how many processors a process has: quotas, ancestors, affinity, the override. */
#define _GNU_SOURCE
#include "core/os/linux/cgroup.h"
#include "core/os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/tap.h"

#define NONE TPL_CGROUP_NO_LIMIT

/* ---- fixtures: a folder that stands for the root of the file system -------------------------- */

static char base[PATH_MAX / 2];

static const char *inside(const char *path)
{
    static char whole[PATH_MAX];
    (void)snprintf(whole, sizeof whole, "%s/%s", base, path);
    return whole;
}

static void begin(void)
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(base, sizeof base, "%s/tp-cgroup-XXXXXX", parent != NULL ? parent : "/tmp");
    check(mkdtemp(base) != NULL);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static void end(void)
{
    check_eq(nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Makes the folders of the path too. */
static void put_bytes(const char *path, const char *text, size_t size)
{
    char whole[PATH_MAX];
    char *slash;
    FILE *file;
    (void)snprintf(whole, sizeof whole, "%s", inside(path));
    for (slash = strchr(whole + strlen(base) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        check(mkdir(whole, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    file = fopen(whole, "w");
    require(file != NULL);
    check_eq(fwrite(text, 1, size, file), size);
    check_eq(fclose(file), 0);
}

static void put(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

static int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        (void)closedir(folder);
    return count;
}

/* Every look also shows that errno and the descriptors are left alone. */
static uint32_t look(void)
{
    int before = open_descriptors();
    uint32_t cpus;
    errno = 77;
    cpus = tpl_cgroup_cpus(base);
    check_eq(errno, 77);
    check_eq(open_descriptors(), before);
    return cpus;
}

#define V1_MOUNT "32 31 0:29 / /cg/cpu rw,relatime - cgroup cgroup rw,cpu\n"
#define V2_MOUNT "41 31 0:38 / /cg/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
#define OTHER_MOUNTS \
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n" \
    "33 31 0:30 / /cg/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n" \
    "34 31 0:31 / /cg/cpuset rw,relatime shared:1 master:2 - cgroup cgroup rw,cpuset\n"

static void put_v1(const char *folder, const char *quota, const char *period)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    put(path, quota);
    (void)snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    put(path, period);
}

/* ---- one hierarchy --------------------------------------------------------------------------- */

TAP_TEST(cgroup__nothing_to_read_is_no_limit)
{
    begin();
    check_eq(look(), NONE);
    put("proc/self/cgroup", "0::/a\n");
    check_eq(look(), NONE); /* no mountinfo */
    put("proc/self/mountinfo", OTHER_MOUNTS);
    check_eq(look(), NONE); /* not mounted */
    put("proc/self/mountinfo", OTHER_MOUNTS V2_MOUNT);
    check_eq(look(), NONE); /* mounted, it says, but there is no such folder */
    end();
    check_eq(look(), NONE); /* not even the root */
}

TAP_TEST(cgroup__v2_quota_is_rounded_up)
{
    static const struct {
        const char *text;
        uint32_t cpus;
    } cases[] = {
        {"100000 100000\n", 1},          {"150000 100000\n", 2}, {"100001 100000\n", 2},
        {"200000 100000\n", 2},          {"1000 100000\n", 1},   {"25000 10000\n", 3},
        {"6400000 100000", 64},          {"max 100000\n", NONE}, {"999999999999999999 1\n", NONE},
        {"4294967294 1\n", 4294967294u},
    };
    size_t i;
    begin();
    put("proc/self/cgroup", "0::/a\n");
    put("proc/self/mountinfo", OTHER_MOUNTS V2_MOUNT);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put("cg/unified/a/cpu.max", cases[i].text);
        check_eq(look(), cases[i].cpus);
    }
    end();
}

TAP_TEST(cgroup__v2_nearest_ancestor_wins)
{
    begin();
    put("proc/self/cgroup", "0::/a/b/c\n");
    put("proc/self/mountinfo", OTHER_MOUNTS V2_MOUNT);
    put("cg/unified/a/cpu.max", "300000 100000\n");
    put("cg/unified/a/b/cpu.max", "max 100000\n");
    put("cg/unified/a/b/c/cpu.max", "max 100000\n");
    put("cg/unified/a/b/c/below/cpu.max", "100000 100000\n");
    put("cg/unified/a/sibling/cpu.max", "100000 100000\n");
    check_eq(look(), 3);
    put("cg/unified/a/b/cpu.max", "200000 100000\n"); /* the nearest one, and the smallest */
    check_eq(look(), 2);
    end();
}

TAP_TEST(cgroup__v2_smallest_ancestor_wins_wherever_it_is)
{
    begin();
    put("proc/self/cgroup", "0::/a/b/c\n");
    put("proc/self/mountinfo", OTHER_MOUNTS V2_MOUNT);
    put("cg/unified/a/cpu.max", "500000 100000\n");
    put("cg/unified/a/b/cpu.max", "600000 100000\n");
    put("cg/unified/a/b/c/cpu.max", "700000 100000\n");
    check_eq(look(), 5);
    put("cg/unified/cpu.max", "400000 100000\n"); /* the mount point: the root of a container */
    check_eq(look(), 4);
    put("cg/unified/a/b/c/cpu.max", "20000 10000\n");
    check_eq(look(), 2);
    end();
}

TAP_TEST(cgroup__v1_quota_and_period_and_ancestors)
{
    begin();
    put("proc/self/cgroup", "9:name=systemd:/s\n3:cpuset:/x\n2:cpuacct:/y\n1:cpu:/a/b\n");
    put("proc/self/mountinfo", OTHER_MOUNTS V1_MOUNT);
    put_v1("cg/cpu/a/b", "-1\n", "100000\n");
    check_eq(look(), NONE);
    put_v1("cg/cpu/a", "250000\n", "50000\n");
    check_eq(look(), 5);
    put_v1("cg/cpu/a/b", "150000\n", "100000\n");
    check_eq(look(), 2);
    put_v1("cg/cpu", "50000\n", "100000\n");
    check_eq(look(), 1);
    put_v1("cg/cpu", "-1\n", "100000\n");
    put_v1("cg/cpu/x", "50000\n",
           "100000\n"); /* the groups of other controllers are none of ours */
    put_v1("cg/cpu/y", "50000\n", "100000\n");
    check_eq(look(), 2);
    end();
}

TAP_TEST(cgroup__v1_mounted_together_with_another_controller)
{
    begin();
    put("proc/self/cgroup", "4:cpuacct,cpu:/a\n3:cpuset:/\n");
    put("proc/self/mountinfo", "34 31 0:31 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n"
                               "32 31 0:29 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
    put_v1("cg/cpu,cpuacct/a", "350000\n", "100000\n");
    put_v1("cg/cpuset/a", "100000\n", "100000\n");
    check_eq(look(), 4);
    end();
}

/* ---- both at once ---------------------------------------------------------------------------- */

TAP_TEST(cgroup__hybrid_takes_the_smaller_of_both)
{
    begin();
    put("proc/self/cgroup", "1:cpu:/a\n0::/b\n");
    put("proc/self/mountinfo", OTHER_MOUNTS V1_MOUNT V2_MOUNT);
    put("cg/unified/b/cgroup.procs", "1\n"); /* what such a machine has: no cpu.max there */
    put_v1("cg/cpu/a", "300000\n", "100000\n");
    check_eq(look(), 3);
    put("cg/unified/b/cpu.max", "200000 100000\n");
    check_eq(look(), 2);
    put_v1("cg/cpu/a", "100000\n", "100000\n");
    check_eq(look(), 1);
    put("proc/self/cgroup", "1:cpu:/a\n"); /* in none of the other kind */
    put("cg/unified/cpu.max", "1 100000\n");
    put_v1("cg/cpu/a", "300000\n", "100000\n");
    check_eq(look(), 3);
    put("cg/unified/cpu.max", "max 100000\n");
    put("proc/self/cgroup", "0::/b\n");
    put_v1("cg/cpu", "1\n", "100000\n");
    check_eq(look(), 2);
    put_v1("cg/cpu", "-1\n", "100000\n");
    put("proc/self/cgroup", "1:cpu:/a\n0::/b\n");
    put_v1("cg/cpu/b", "1\n", "100000\n"); /* the group of one is not that of the other */
    put("cg/unified/a/cpu.max", "1 100000\n");
    put_v1("cg/cpu/a", "-1\n", "100000\n");
    check_eq(look(), 2);
    end();
}

TAP_TEST(cgroup__mounted_twice_every_mount_counts)
{
    begin();
    put("proc/self/cgroup", "0::/a/b\n");
    put("proc/self/mountinfo", "41 31 0:38 /a /cg/part rw - cgroup2 cgroup2 rw\n"
                               "42 31 0:38 / /cg/whole rw - cgroup2 cgroup2 rw\n");
    put("cg/part/b/cpu.max", "500000 100000\n");
    check_eq(look(), 5);
    put("cg/whole/cpu.max", "400000 100000\n"); /* only here one sees so far up */
    check_eq(look(), 4);
    end();
}

TAP_TEST(cgroup__mounts_beyond_the_sixteenth_are_left)
{
    static const char line[] = "41 31 0:38 / /cg/empty rw - cgroup2 cgroup2 rw\n";
    char text[20 * sizeof line];
    size_t count;
    begin();
    put("proc/self/cgroup", "0::/a\n");
    put("cg/empty/a/cgroup.procs", "1\n");
    put("cg/unified/a/cpu.max", "100000 100000\n");
    for (count = 14; count < 18; count++) {
        size_t k;
        for (k = 0; k < count; k++)
            memcpy(text + k * (sizeof line - 1), line, sizeof line);
        memcpy(text + k * (sizeof line - 1), V2_MOUNT, sizeof V2_MOUNT);
        put("proc/self/mountinfo", text);
        check_eq(look(), count < 16 ? 1 : NONE);
    }
    end();
}

/* ---- containers ------------------------------------------------------------------------------ */

TAP_TEST(cgroup__mount_of_a_subtree_is_entered_below_its_root)
{
    begin();
    put("proc/self/cgroup", "1:cpu:/docker/abc/inner\n0::/docker/abc\n");
    put("proc/self/mountinfo", "32 31 0:29 /docker/abc /cg/cpu ro - cgroup cgroup rw,cpu\n"
                               "41 31 0:38 /docker/abc /cg/unified ro - cgroup2 cgroup2 rw\n");
    put_v1("cg/cpu/inner", "700000\n", "100000\n");
    put_v1("cg/cpu/docker/abc/inner", "100000\n", "100000\n"); /* not where it looks */
    check_eq(look(), 7);
    put_v1("cg/cpu", "600000\n", "100000\n");
    check_eq(look(), 6);
    put("cg/unified/cpu.max", "500000 100000\n");
    check_eq(look(), 5);
    end();
}

TAP_TEST(cgroup__mount_of_another_subtree_says_nothing)
{
    begin();
    put("proc/self/mountinfo", "41 31 0:38 /docker/abc /cg/unified ro - cgroup2 cgroup2 rw\n");
    put("cg/unified/cpu.max", "100000 100000\n");
    put("cg/unified/d/cpu.max", "100000 100000\n");
    put("proc/self/cgroup", "0::/docker/abcd\n");
    check_eq(look(), NONE);
    put("proc/self/cgroup", "0::/docker\n");
    check_eq(look(), NONE);
    put("proc/self/cgroup", "0::/\n");
    check_eq(look(), NONE);
    put("proc/self/cgroup", "0::/docker/abc\n");
    check_eq(look(), 1);
    end();
}

TAP_TEST(cgroup__namespace_root_is_the_mount_point)
{
    begin();
    put("proc/self/cgroup", "0::/\n");
    put("proc/self/mountinfo", V2_MOUNT);
    put("cg/unified/cpu.max", "150000 100000\n");
    check_eq(look(), 2);
    put("proc/self/mountinfo", "41 31 0:38 / / rw - cgroup2 cgroup2 rw\n"); /* over everything */
    put("cpu.max", "250000 100000\n");
    check_eq(look(), 3);
    end();
}

/* As the kernel shows a mount made outside the namespace: the group's own folder has a name that
 * cannot be known, but the mount point is above it. */
TAP_TEST(cgroup__mount_above_the_namespace_counts_at_its_root)
{
    begin();
    put("proc/self/mountinfo", "32 31 0:29 /../.. /cg/cpu rw - cgroup cgroup rw,cpu\n");
    put_v1("cg/cpu", "300000\n", "100000\n");
    put_v1("cg/cpu/a", "100000\n", "100000\n");
    put("proc/self/cgroup", "1:cpu:/\n");
    check_eq(look(), 3);
    put("proc/self/cgroup", "1:cpu:/a\n"); /* below the namespace's root, not the mount's */
    check_eq(look(), 3);
    put("proc/self/cgroup", "1:cpu:/../a\n"); /* one up, a second level is not known */
    check_eq(look(), 3);
    put("proc/self/cgroup", "1:cpu:/../../a\n"); /* from the mount's root down, so known */
    check_eq(look(), 1);
    put("proc/self/cgroup", "1:cpu:/../../../a\n"); /* beside the mount's root */
    check_eq(look(), NONE);
    put("proc/self/mountinfo", "32 31 0:29 /.. /cg/cpu rw - cgroup cgroup rw,cpu\n");
    put("proc/self/cgroup", "1:cpu:/../../a\n"); /* two up, and the mount's root only one */
    check_eq(look(), NONE);
    put("proc/self/mountinfo", "32 31 0:29 /../x /cg/cpu rw - cgroup cgroup rw,cpu\n");
    put("proc/self/cgroup", "1:cpu:/\n"); /* beside the mount's root, which is a neighbour here */
    check_eq(look(), NONE);
    put("proc/self/cgroup", "1:cpu:/../x/a\n");
    check_eq(look(), 1);
    end();
}

TAP_TEST(cgroup__process_outside_its_namespace_is_not_below_the_mount)
{
    begin();
    put("proc/self/mountinfo", V2_MOUNT);
    put("cg/unified/cpu.max", "100000 100000\n");
    put("cg/x/cpu.max", "100000 100000\n");
    put("proc/self/cgroup", "0::/../x\n");
    check_eq(look(), NONE);
    put("proc/self/cgroup", "0::/..\n");
    check_eq(look(), NONE);
    put("proc/self/cgroup", "0::/..x\n"); /* a name like any other */
    check_eq(look(), 1);
    end();
}

TAP_TEST(cgroup__removed_group_counts_where_it_was)
{
    begin();
    put("proc/self/cgroup", "0::/a/b (deleted)\n");
    put("proc/self/mountinfo", V2_MOUNT);
    put("cg/unified/a/cpu.max", "200000 100000\n");
    check_eq(look(), 2);
    end();
}

/* ---- the text of /proc ----------------------------------------------------------------------- */

TAP_TEST(cgroup__escapes_in_mountinfo_are_undone)
{
    begin();
    put("proc/self/cgroup", "1:cpu:/a b/c\\d:e\n");
    put("proc/self/mountinfo",
        "32 31 0:29 /a\\040b /my\\040c\\134g rw - cgroup my\\040source rw,cpu\n");
    put_v1("my c\\g/c\\d:e", "300000\n", "100000\n");
    check_eq(look(), 3);
    put("proc/self/mountinfo",
        "32 31 0:29 / /x\\09\\04z\\/\\04 rw - cgroup  rw,cpu\n"); /* no source */
    put_v1("x\\09\\04z\\/\\04/a b", "200000\n", "100000\n");
    check_eq(look(), 2);
    end();
}

TAP_TEST(cgroup__garbage_is_no_limit)
{
    static const char *const values[] = {
        "",
        "\n",
        "max\n",
        "100000\n",
        "100000 \n",
        "100000 0\n",
        "0 100000\n",
        "-1 100000\n",
        "100000 -1\n",
        "100000 100000 1\n",
        " 1 1\n",
        "1  1\n",
        "1\t1\n",
        "0x10 1\n",
        "1 1\n1 1\n",
        "1.5 1\n",
        "+1 1\n",
        "9999999999999999999 9999999999999999999\n",
    };
    static const char *const mounts[] = {
        "\n",
        "41 31 0:38 / /cg/unified\n",
        "41 31 0:38 / /cg/unified rw - cgroup2\n",
        "41 31 0:38 / /cg/unified rw cgroup2 cgroup2 rw\n",
        "41 31 0:38 / cg/unified rw - cgroup2 cgroup2 rw\n",
        "41 31 0:38  /cg/unified rw - cgroup22 cgroup2 rw\n",
        "41 31 0:38 / /cg/unified rw - cgroup cgroup2 rw,cpuset,cpuacct\n",
        "41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw", /* cut short */
    };
    static const char *const groups[] = {"",        "\n",     "0\n",           "0::\n", "0:/a\n",
                                         ":::/a\n", "0::a\n", "2:cpuset:/a\n", "0::/a"};
    size_t i;
    begin();
    put("proc/self/cgroup", "0::/a\n");
    put("proc/self/mountinfo", V2_MOUNT);
    for (i = 0; i < sizeof values / sizeof values[0]; i++) {
        put("cg/unified/a/cpu.max", values[i]);
        check_eq(look(), NONE);
    }
    put("cg/unified/a/cpu.max", "1 1\n");
    check_eq(look(), 1);
    for (i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        put("proc/self/mountinfo", mounts[i]);
        check_eq(look(), NONE);
    }
    put("proc/self/mountinfo", V2_MOUNT);
    check_eq(look(), 1);
    for (i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        put("proc/self/cgroup", groups[i]);
        check_eq(look(), NONE);
    }
    put_bytes("proc/self/cgroup", "\0\0\n0::/a\n", 9);
    check_eq(look(), 1);
    end();
}

TAP_TEST(cgroup__v1_garbage_is_no_limit)
{
    static const char *const pairs[][2] = {
        {"100000\n", "0\n"}, {"0\n", "100000\n"},        {"100000\n", ""},
        {"", "100000\n"},    {"100000 1\n", "100000\n"}, {"100000\n", "-100000\n"},
        {"x\n", "y\n"},      {"100000\n", "100000 1\n"},
    };
    size_t i;
    begin();
    put("proc/self/cgroup", "1:cpu:/\n");
    put("proc/self/mountinfo", V1_MOUNT);
    put("cg/cpu/cpu.cfs_quota_us", "100000\n");
    check_eq(look(), NONE); /* a quota of what? */
    for (i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        put_v1("cg/cpu", pairs[i][0], pairs[i][1]);
        check_eq(look(), NONE);
    }
    put_v1("cg/cpu", "100000\n", "100000\n");
    check_eq(look(), 1);
    end();
}

/* Lines of every length around the sizes of the buffers, and the right line among them. */
TAP_TEST(cgroup__lines_of_any_length_hide_no_other)
{
    static char text[200000];
    size_t length;
    begin();
    put("proc/self/cgroup", "0::/a\n");
    put("cg/unified/a/cpu.max", "200000 100000\n");
    for (length = 0; length < sizeof text / 2; length += length < 4000 ? 499 : 1 + length / 16) {
        memset(text, 'x', length);
        (void)snprintf(text + length, sizeof text - length, "\n" V2_MOUNT);
        put("proc/self/mountinfo", text);
        check_eq(look(), 2);
    }
    put("cg/tail/a/cpu.max", "100000 100000\n");
    for (length = 4090; length < 4100; length++) { /* of a line too long no part is taken */
        memset(text, 'x', length);
        (void)snprintf(text + length, sizeof text - length,
                       "1 1 0:1 / /cg/tail rw - cgroup2 cgroup2 rw\n" V2_MOUNT);
        put("proc/self/mountinfo", text);
        check_eq(look(), 2);
    }
    for (length = 3900; length < 4200; length++) {
        int head = snprintf(text, sizeof text, V2_MOUNT "1 1 0:1 / /o rw - overlay o ");
        memset(text + head, ',', length);
        (void)snprintf(text + head + length, sizeof text - length - (size_t)head,
                       "\n41 31 0:38 / /cg/second rw - cgroup2 cgroup2 rw\n");
        put("proc/self/mountinfo", text);
        put("cg/second/a/cpu.max", length % 2 != 0 ? "100000 100000\n" : "max 100000\n");
        check_eq(look(), length % 2 != 0 ? 1 : 2);
    }
    end();
}

/* Deeper than anybody nests them; from some length on the group is passed over as a whole. */
TAP_TEST(cgroup__long_group_names)
{
    static const size_t depths[] = {1, 8, 100, 1023, 1024, 5000};
    static char text[20000];
    size_t i, k;
    begin();
    put("proc/self/mountinfo", V2_MOUNT);
    put("cg/unified/cpu.max", "200000 100000\n");
    for (i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        memcpy(text, "0::", 4);
        for (k = 0; k < depths[i]; k++)
            memcpy(text + 3 + 2 * k, "/a", 3);
        text[3 + 2 * k] = '\n';
        text[4 + 2 * k] = '\0';
        put("proc/self/cgroup", text);
        check_eq(look(), depths[i] <= 1023 ? 2 : NONE);
    }
    end();
}

TAP_TEST(cgroup__files_without_an_end_are_left)
{
    begin();
    put("proc/self/cgroup", "0::/a\n");
    check_eq(symlink("/dev/zero", inside("proc/self/mountinfo")), 0);
    check_eq(look(), NONE);
    check_eq(unlink(inside("proc/self/mountinfo")), 0);
    check_eq(mkdir(inside("proc/self/mountinfo"), 0755), 0); /* opens, and cannot be read */
    check_eq(look(), NONE);
    check_eq(rmdir(inside("proc/self/mountinfo")), 0);
    put("proc/self/mountinfo", V2_MOUNT);
    put("cg/unified/a/x", "");
    check_eq(symlink("/dev/zero", inside("cg/unified/a/cpu.max")), 0);
    check_eq(look(), NONE);
    end();
}

TAP_TEST(cgroup__own_thread_comes_before_the_first_one)
{
    begin();
    put("proc/self/cgroup", "0::/a\n");
    put("proc/self/mountinfo", V2_MOUNT);
    put("proc/thread-self/cgroup", "0::/b\n");
    put("cg/unified/a/cpu.max", "100000 100000\n");
    put("cg/unified/b/cpu.max", "200000 100000\n");
    check_eq(look(), 2);
    end();
}

/* ---- the real thing: in children, which may change what they like ---------------------------- */

static bool in_child(bool (*body)(void))
{
    int status;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0)
        _exit(body() ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static void limit_descriptors(rlim_t most)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        _exit(2);
    limit.rlim_cur = most;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        _exit(2);
}

static bool unsure_without_descriptors(void)
{
    uint32_t cpus;
    limit_descriptors(0);
    cpus = tpl_cgroup_cpus(base);
    limit_descriptors(64);
    return cpus == 0 && tpl_cgroup_cpus(base) == 2;
}

TAP_TEST(cgroup__lack_of_descriptors_is_not_lack_of_limits)
{
    begin();
    put("proc/self/cgroup", "0::/a\n");
    put("proc/self/mountinfo", V2_MOUNT);
    put("cg/unified/a/cpu.max", "200000 100000\n");
    check(in_child(unsure_without_descriptors));
    end();
}

static uint32_t affinity(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 0;
}

static bool override_rules(void)
{
    static const char *const ignored[] = {"",
                                          "0",
                                          "4001",
                                          "-1",
                                          "+3",
                                          " 3",
                                          "3 ",
                                          "3\n",
                                          "0x3",
                                          "3.0",
                                          "x",
                                          "max",
                                          "00000000000000000000003",
                                          "18446744073709551619"};
    uint32_t found;
    size_t i;
    if (unsetenv("TP_CPUS") != 0)
        return false;
    found = tpp_cpu_count();
    if (found < 1 || found > affinity())
        return false;
    for (i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        if (setenv("TP_CPUS", ignored[i], 1) != 0 || tpp_cpu_count() != found)
            return false;
    }
    return setenv("TP_CPUS", "1", 1) == 0 && tpp_cpu_count() == 1 &&
           setenv("TP_CPUS", "3777", 1) == 0 && tpp_cpu_count() == 3777 &&
           setenv("TP_CPUS", "4000", 1) == 0 && tpp_cpu_count() == 4000 &&
           unsetenv("TP_CPUS") == 0 && tpp_cpu_count() == found;
}

TAP_TEST(cpu__override_is_a_number_or_nothing)
{
    check(in_child(override_rules));
}

static bool one_processor(void)
{
    uint32_t before, pinned;
    size_t cpu = 0;
    cpu_set_t all, one;
    if (unsetenv("TP_CPUS") != 0 || sched_getaffinity(0, sizeof all, &all) != 0)
        return false;
    before = tpp_cpu_count();
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        return false;
    pinned = tpp_cpu_count();
    return pinned == 1 && tpp_cpu() == (uint32_t)cpu &&
           sched_setaffinity(0, sizeof all, &all) == 0 && tpp_cpu_count() == before;
}

TAP_TEST(cpu__count_follows_affinity_both_ways)
{
    check(in_child(one_processor));
}

TAP_TEST(cpu__count_leaves_errno_and_descriptors_alone)
{
    int before = open_descriptors();
    int round;
    for (round = 0; round < 50; round++) {
        errno = 77;
        check(tpp_cpu_count() >= 1);
        check_eq(errno, 77);
    }
    check_eq(open_descriptors(), before);
}

static void *count_with_a_cancel_pending(void *counted)
{
    (void)pthread_cancel(pthread_self());
    *(uint32_t *)counted = tpp_cpu_count();
    pthread_testcancel();
    *(uint32_t *)counted = 0;
    return NULL;
}

TAP_TEST(cpu__count_is_no_cancellation_point)
{
    uint32_t counted = 0;
    void *result = NULL;
    pthread_t thread;
    int before = open_descriptors();
    require(pthread_create(&thread, NULL, count_with_a_cancel_pending, &counted) == 0);
    check_eq(pthread_join(thread, &result), 0);
    check(result == PTHREAD_CANCELED);
    check(counted >= 1);
    check_eq(open_descriptors(), before);
}

/* ---- live: a group of our own, limited, with another below it that is not -------------------- */

static char outer[PATH_MAX / 2], inner[PATH_MAX - 100];

static bool write_value(const char *folder, const char *name, const char *value)
{
    char path[PATH_MAX];
    int descriptor;
    bool written;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    written = write(descriptor, value, strlen(value)) == (ssize_t)strlen(value);
    (void)close(descriptor);
    return written;
}

/* A group can be removed a moment after its last process has been waited for. */
static void drop_groups(void)
{
    int round;
    for (round = 0; round < 100000 && rmdir(inner) != 0 && errno == EBUSY; round++)
        sched_yield();
    for (round = 0; round < 100000 && rmdir(outer) != 0 && errno == EBUSY; round++)
        sched_yield();
    check(access(outer, F_OK) != 0);
}

/* False, and nothing is left, if the machine does not let us. */
static bool make_groups(const char *mount)
{
    char mark[PATH_MAX];
    bool v1, made;
    (void)snprintf(mark, sizeof mark, "%s/cpu.cfs_quota_us", mount);
    v1 = access(mark, F_OK) == 0;
    (void)snprintf(outer, sizeof outer, "%s/tp-test-%d", mount, (int)getpid());
    (void)snprintf(inner, sizeof inner, "%s/inner", outer);
    (void)snprintf(mark, sizeof mark, "%s/cgroup.procs", mount);
    if (access(mark, F_OK) != 0 || mkdir(outer, 0755) != 0)
        return false;
    if (v1)
        made = write_value(outer, "cpu.cfs_period_us", "100000") &&
               write_value(outer, "cpu.cfs_quota_us", "50000");
    else
        made = write_value(outer, "cpu.max", "50000 100000") &&
               write_value(outer, "cgroup.subtree_control", "+cpu");
    made = made && mkdir(inner, 0755) == 0;
    if (!made)
        drop_groups();
    return made;
}

static bool live_groups(void)
{
    static const char *const mounts[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct",
                                         "/sys/fs/cgroup"};
    size_t i;
    for (i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        if (make_groups(mounts[i]))
            return true;
    }
    return false;
}

static bool enter(void)
{
    return unsetenv("TP_CPUS") == 0 && write_value(inner, "cgroup.procs", "0");
}

static bool set_outer(const char *v1_quota, const char *v2_max)
{
    return write_value(outer, "cpu.cfs_quota_us", v1_quota) ||
           write_value(outer, "cpu.max", v2_max);
}

static bool limited_inside(void)
{
    uint32_t outside, inside_group, widened;
    if (unsetenv("TP_CPUS") != 0)
        return false;
    outside = tpp_cpu_count();
    if (!enter())
        return false;
    inside_group = tpp_cpu_count();
    if (!set_outer("110000", "110000 100000"))
        return false;
    widened = tpp_cpu_count(); /* each call reads anew */
    return outside >= 2 && inside_group == 1 && widened == 2 &&
           set_outer("50000", "50000 100000") && tpp_cpu_count() == 1;
}

/* The last answer holds, though it cannot be read again. */
static bool limited_without_descriptors(void)
{
    bool held;
    if (!enter() || tpp_cpu_count() != 1)
        return false;
    limit_descriptors(0);
    held = tpp_cpu_count() == 1;
    limit_descriptors(64);
    return held && tpp_cpu_count() == 1 && setenv("TP_CPUS", "7", 1) == 0 && tpp_cpu_count() == 7;
}

static void *outlive_the_first_thread(void *first)
{
    while (tpp_thread_state(*(uint64_t *)first) != '?')
        sched_yield();
    _exit(tpp_cpu_count() == 1 ? 0 : 1);
}

static bool limited_after_the_first_thread(void)
{
    static uint64_t first;
    pthread_t second;
    first = tpp_thread_id();
    if (!enter() || pthread_create(&second, NULL, outlive_the_first_thread, &first) != 0)
        return false;
    pthread_exit(NULL);
}

TAP_TEST(cpu__count_is_cut_by_a_real_quota_of_an_ancestor)
{
    if (affinity() < 2)
        tap_skip("one processor: a quota would show nothing");
    if (!live_groups())
        tap_skip("no control group with a CPU quota can be made here");
    check(in_child(limited_inside));
    check(in_child(limited_without_descriptors));
    check(in_child(limited_after_the_first_thread));
    drop_groups();
}

int main(void)
{
    tap_run(cgroup__nothing_to_read_is_no_limit);
    tap_run(cgroup__v2_quota_is_rounded_up);
    tap_run(cgroup__v2_nearest_ancestor_wins);
    tap_run(cgroup__v2_smallest_ancestor_wins_wherever_it_is);
    tap_run(cgroup__v1_quota_and_period_and_ancestors);
    tap_run(cgroup__v1_mounted_together_with_another_controller);
    tap_run(cgroup__hybrid_takes_the_smaller_of_both);
    tap_run(cgroup__mounted_twice_every_mount_counts);
    tap_run(cgroup__mounts_beyond_the_sixteenth_are_left);
    tap_run(cgroup__mount_of_a_subtree_is_entered_below_its_root);
    tap_run(cgroup__mount_of_another_subtree_says_nothing);
    tap_run(cgroup__namespace_root_is_the_mount_point);
    tap_run(cgroup__mount_above_the_namespace_counts_at_its_root);
    tap_run(cgroup__process_outside_its_namespace_is_not_below_the_mount);
    tap_run(cgroup__removed_group_counts_where_it_was);
    tap_run(cgroup__escapes_in_mountinfo_are_undone);
    tap_run(cgroup__garbage_is_no_limit);
    tap_run(cgroup__v1_garbage_is_no_limit);
    tap_run(cgroup__lines_of_any_length_hide_no_other);
    tap_run(cgroup__long_group_names);
    tap_run(cgroup__files_without_an_end_are_left);
    tap_run(cgroup__own_thread_comes_before_the_first_one);
    tap_run(cgroup__lack_of_descriptors_is_not_lack_of_limits);
    tap_run(cpu__override_is_a_number_or_nothing);
    tap_run(cpu__count_follows_affinity_both_ways);
    tap_run(cpu__count_leaves_errno_and_descriptors_alone);
    tap_run(cpu__count_is_no_cancellation_point);
    tap_run(cpu__count_is_cut_by_a_real_quota_of_an_ancestor);
    return tap_done();
}
