/* module.c - shared libraries: dlopen under the names of Windows. */
#define _GNU_SOURCE
#include "tp/win32/module.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "capi/win32/base.h"

static pthread_once_t program_once = PTHREAD_ONCE_INIT;
static void *program; /* what stands for the program, and for the libraries of Windows */

static void open_program(void)
{
    program = dlopen(NULL, RTLD_NOW);
}

static HMODULE get_program(void)
{
    pthread_once(&program_once, open_program);
    return program;
}

static bool is_of_windows(const char *name)
{
    static const char *const names[] = {"kernel32", "kernelbase", "ntdll"};
    for (unsigned i = 0; i < 3; i++) {
        size_t length = strlen(names[i]);
        if (strncasecmp(name, names[i], length) == 0 &&
            (name[length] == '\0' || strcasecmp(name + length, ".dll") == 0))
            return true;
    }
    return false;
}

/* With a reference. */
static HMODULE load(const char *name, int flags)
{
    HMODULE module = is_of_windows(name) ? get_program() : dlopen(name, RTLD_NOW | flags);
    if (!module)
        tpw_fail(ERROR_MOD_NOT_FOUND);
    return module;
}

/* ---- Loading --------------------------------------------------------------------------------- */

HMODULE WINAPI LoadLibraryA(LPCSTR name)
{
    return LoadLibraryExA(name, NULL, 0);
}

HMODULE WINAPI LoadLibraryW(LPCWSTR name)
{
    return LoadLibraryExW(name, NULL, 0);
}

HMODULE WINAPI LoadLibraryExA(LPCSTR name, HANDLE file, DWORD flags)
{
    UNREFERENCED_PARAMETER(file);
    UNREFERENCED_PARAMETER(flags);
    if (name)
        return load(name, 0);
    tpw_fail(ERROR_INVALID_PARAMETER);
    return NULL;
}

HMODULE WINAPI LoadLibraryExW(LPCWSTR name, HANDLE file, DWORD flags)
{
    char *narrow;
    if (!tpw_narrow(name, &narrow))
        return NULL;
    HMODULE module = LoadLibraryExA(narrow, file, flags);
    free(narrow);
    return module;
}

BOOL WINAPI FreeLibrary(HMODULE module)
{
    if (module && module == get_program())
        return TRUE;
    if (!module || !tpw_module_is_loaded(module))
        return tpw_fail(ERROR_MOD_NOT_FOUND);
    return dlclose(module) == 0 ? TRUE : tpw_fail(ERROR_MOD_NOT_FOUND);
}

union function {
    void *raw;
    FARPROC call;
};

FARPROC WINAPI GetProcAddress(HMODULE module, LPCSTR name)
{
    union function function = {.raw = NULL};
    if (!module)
        module = get_program();
    if (module != get_program() && !tpw_module_is_loaded(module))
        tpw_fail(ERROR_MOD_NOT_FOUND);
    else if ((uintptr_t)name <= 0xffff) /* a number, on Windows */
        tpw_fail(ERROR_PROC_NOT_FOUND);
    else if (!(function.raw = dlsym(module == get_program() ? RTLD_DEFAULT : module, name)))
        tpw_fail(ERROR_PROC_NOT_FOUND);
    return function.call;
}

/* ---- Finding --------------------------------------------------------------------------------- */

/* With a reference. */
static HMODULE of_address(const void *address)
{
    Dl_info info;
    struct link_map *map = NULL;
    HMODULE module = NULL;
    if (dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 && map)
        module = *map->l_name == '\0' ? get_program() : dlopen(map->l_name, RTLD_NOW | RTLD_NOLOAD);
    if (!module)
        tpw_fail(ERROR_MOD_NOT_FOUND);
    return module;
}

BOOL WINAPI GetModuleHandleExA(DWORD flags, LPCSTR name, HMODULE *module)
{
    if (!module)
        return tpw_fail(ERROR_INVALID_PARAMETER);
    if ((flags & GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS) != 0)
        *module = of_address(name);
    else
        *module = name ? load(name, RTLD_NOLOAD) : get_program();
    if (*module && *module != get_program() &&
        (flags & GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT) != 0)
        dlclose(*module);
    return *module != NULL;
}

BOOL WINAPI GetModuleHandleExW(DWORD flags, LPCWSTR name, HMODULE *module)
{
    if (!name || (flags & GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS) != 0)
        return GetModuleHandleExA(flags, (LPCSTR)(const void *)name, module);
    char *narrow;
    if (module)
        *module = NULL;
    if (!tpw_narrow(name, &narrow))
        return FALSE;
    BOOL found = GetModuleHandleExA(flags, narrow, module);
    free(narrow);
    return found;
}

HMODULE WINAPI GetModuleHandleA(LPCSTR name)
{
    HMODULE module;
    (void)GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, name, &module);
    return module;
}

HMODULE WINAPI GetModuleHandleW(LPCWSTR name)
{
    HMODULE module;
    (void)GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, name, &module);
    return module;
}
