/* entries.h - how many entries a folder has: so the threads of a process are counted, and files. */
#ifndef TESTS_SUPPORT_ENTRIES_H
#define TESTS_SUPPORT_ENTRIES_H

#include <dirent.h>
#include <stdint.h>

/* Of threads in /proc/self/task, of descriptors in /proc/self/fd (the one that looks is among them
 * every time). */
static inline uint32_t entries(const char *path)
{
    uint32_t count = 0;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    if (folder)
        closedir(folder);
    return count;
}

#endif
