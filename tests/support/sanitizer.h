/* sanitizer.h - which sanitizer this build has: tests do less in it, or leave a part out. */
#ifndef TESTS_SUPPORT_SANITIZER_H
#define TESTS_SUPPORT_SANITIZER_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN true
#endif
#if __has_feature(address_sanitizer)
#define UNDER_ASAN true
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN true
#endif
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN true
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN false
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN false
#endif

/* Its times and its memory say nothing about the library. */
#define SANITIZED (UNDER_ASAN || UNDER_TSAN)

#endif
