/* A disk that fails: preloaded, it counts what a process writes below a folder and, once
 * armed, fails the nth call: it alone, or every later one too, as a full or broken disk
 * does. The first write of those that last writes half of its bytes: a torn one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX];
static size_t folder_size;
static long left = -1, calls;
static int code, lasting, torn;

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

void fault_watch(const char *path) {
    folder_size = strlen(path);
    memcpy(folder, path, folder_size + 1);
}

void fault_arm(long n, int with, int lasts) {
    code = with;
    lasting = lasts;
    torn = !lasts;
    left = n;
}

long fault_disarm(void) {
    long counted = calls;
    left = -1;
    calls = 0;
    return counted;
}

static int is_below(const char *path) {
    return folder_size && path && strncmp(path, folder, folder_size) == 0;
}

static int is_watched(int fd) {
    char link[64], path[PATH_MAX];
    ssize_t size;
    if (!folder_size) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return is_below(path);
}

/* Whether this call fails. */
static int fails(int watched) {
    if (!watched) return 0;
    calls++;
    if (left > 0) {
        left--;
        return 0;
    }
    if (left < 0) return 0;
    if (!lasting) left = -1;
    errno = code;
    return 1;
}

/* How many bytes of a write that fails are written all the same. */
static size_t part(size_t count) {
    if (torn || count < 2) return 0;
    torn = 1;
    return count / 2;
}

ssize_t write(int fd, const void *data, size_t count) {
    if (fails(is_watched(fd))) {
        size_t some = part(count);
        return some ? REAL(write)(fd, data, some) : -1;
    }
    return REAL(write)(fd, data, count);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at) {
    if (fails(is_watched(fd))) {
        size_t some = part(count);
        return some ? REAL(pwrite64)(fd, data, some, at) : -1;
    }
    return REAL(pwrite64)(fd, data, count, at);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t at) {
    return pwrite64(fd, data, count, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return fails(is_watched(fd)) ? -1 : REAL(writev)(fd, parts, count);
}

int fsync(int fd) { return fails(is_watched(fd)) ? -1 : REAL(fsync)(fd); }

int fdatasync(int fd) { return fails(is_watched(fd)) ? -1 : REAL(fdatasync)(fd); }

int ftruncate64(int fd, off64_t size) {
    return fails(is_watched(fd)) ? -1 : REAL(ftruncate64)(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int rename(const char *from, const char *to) {
    return fails(is_below(to)) ? -1 : REAL(rename)(from, to);
}

int link(const char *from, const char *to) {
    return fails(is_below(to)) ? -1 : REAL(link)(from, to);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    return fails(is_below(to)) ? -1 : REAL(linkat)(from_at, from, to_at, to, flags);
}

int mkdir(const char *path, mode_t mode) {
    return fails(is_below(path)) ? -1 : REAL(mkdir)(path, mode);
}

/* Making a file takes space; opening one that is there does not. */
#define OPEN(name, pass)                                                            \
    mode_t mode = 0;                                                                \
    if (flags & O_CREAT) {                                                          \
        va_list more;                                                               \
        va_start(more, flags);                                                      \
        mode = va_arg(more, mode_t);                                                \
        va_end(more);                                                               \
        if (is_below(path) && access(path, F_OK) && fails(1)) return -1;            \
    }                                                                               \
    return REAL(name) pass

int open(const char *path, int flags, ...) { OPEN(open, (path, flags, mode)); }
int open64(const char *path, int flags, ...) { OPEN(open64, (path, flags, mode)); }
int openat(int at, const char *path, int flags, ...) {
    OPEN(openat, (at, path, flags, mode));
}
int openat64(int at, const char *path, int flags, ...) {
    OPEN(openat64, (at, path, flags, mode));
}
