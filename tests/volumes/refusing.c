/* A volume that refuses some calls: REFUSE_<call>=<errno> in the environment. Calls not named go on to the C library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

static int refused(const char *variable) {
    const char *code = getenv(variable);
    if (!code) return 0;
    errno = atoi(code);
    return 1;
}
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int flock(int fd, int operation) { return refused("REFUSE_flock") ? -1 : NEXT(flock)(fd, operation); }
int link(const char *a, const char *b) { return refused("REFUSE_link") ? -1 : NEXT(link)(a, b); }
int linkat(int x, const char *a, int y, const char *b, int f) {
    return refused("REFUSE_link") ? -1 : NEXT(linkat)(x, a, y, b, f);
}
int symlinkat(const char *a, int x, const char *b) { return refused("REFUSE_symlink") ? -1 : NEXT(symlinkat)(a, x, b); }
int symlink(const char *a, const char *b) { return refused("REFUSE_symlink") ? -1 : NEXT(symlink)(a, b); }
static int is_folder(int fd) {
    struct stat found;
    return fstat(fd, &found) == 0 && S_ISDIR(found.st_mode);
}
static int no_sync(int fd) { return refused(is_folder(fd) ? "REFUSE_folder_fsync" : "REFUSE_file_fsync"); }
int fsync(int fd) { return no_sync(fd) ? -1 : NEXT(fsync)(fd); }
int fdatasync(int fd) { return no_sync(fd) ? -1 : NEXT(fdatasync)(fd); }
int fchmod(int fd, mode_t mode) { return refused("REFUSE_chmod") ? -1 : NEXT(fchmod)(fd, mode); }
int chmod(const char *name, mode_t mode) { return refused("REFUSE_chmod") ? -1 : NEXT(chmod)(name, mode); }
int utimensat(int fd, const char *name, const struct timespec t[2], int f) {
    return refused("REFUSE_utime") ? -1 : NEXT(utimensat)(fd, name, t, f);
}
int renameat(int x, const char *a, int y, const char *b) {
    struct stat found;
    if (fstatat(y, b, &found, AT_SYMLINK_NOFOLLOW) == 0 && refused("REFUSE_replace")) return -1;
    return NEXT(renameat)(x, a, y, b);
}
int rename(const char *a, const char *b) { return renameat(AT_FDCWD, a, AT_FDCWD, b); }
/* Python writes at offsets by pwritev2 and pwrite, whatever its own calls are named. */
ssize_t pwritev64v2(int fd, const struct iovec *v, int n, off64_t at, int flags) {
    return refused("REFUSE_pwrite") ? -1 : NEXT(pwritev64v2)(fd, v, n, at, flags);
}
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) {
    return refused("REFUSE_pwrite") ? -1 : NEXT(pwritev64)(fd, v, n, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
    return refused("REFUSE_pwrite") ? -1 : NEXT(pwrite64)(fd, bytes, n, at);
}
static int locks(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_GETLK;
}
int fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (locks(command) && refused("REFUSE_fcntl")) return -1;
    return NEXT(fcntl64)(fd, command, argument);
}
int fcntl(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (locks(command) && refused("REFUSE_fcntl")) return -1;
    return NEXT(fcntl)(fd, command, argument);
}
