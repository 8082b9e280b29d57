/* cgroup.h - how many processors the control groups of this process leave to it. */
#ifndef TPI_OS_LINUX_CGROUP_H
#define TPI_OS_LINUX_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#define TPL_CGROUP_NO_LIMIT UINT32_MAX

/* The smallest of all CPU limits on the calling thread's groups and their ancestors, v1 and v2, as
 * far as they are mounted where this process can see them. A limit is its quota by its period,
 * rounded up. `root` is "" or the folder that stands for the root of the file system, in tests.
 * What is missing or makes no sense is no limit. Returns 0 if it could not be found out because
 * descriptors or memory were short: ask again later. */
uint32_t tpl_cgroup_cpus(const char *root);

/* Reads a decimal number of 1 to 18 digits, no sign, and moves *text behind it. */
bool tpl_decimal(const char **text, uint64_t *value_out);

#endif
