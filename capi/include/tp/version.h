/* version.h - the version of the headers a program is compiled with.
 *
 * The version of the library it runs with is asked of tp_version() (tp/library.h). */
#ifndef TP_VERSION_H
#define TP_VERSION_H

#define TP_VERSION_MAJOR 0
#define TP_VERSION_MINOR 1
#define TP_VERSION_PATCH 0

/** major << 16 | minor << 8 | patch, comparable with tp_version(). */
#define TP_VERSION_NUMBER 0x000100

/** "major.minor.patch", comparable with tp_version_string(). */
#define TP_VERSION_STRING "0.1.0"

#endif
