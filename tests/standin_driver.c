/* A stand-in for libcuda.so, as lazy as a driver may be, to run gpu.py on without a GPU.

   It keeps "device" memory in the host's, and does what is asked of a stream as late as it can: when the host waits for an
   event, or makes a call that waits by itself. A host buffer that is written anew before the copy from it has ended, or an event
   that nobody waits for, therefore shows as wrong data. Kernels are not run: a launch calls `standin_on_launch` with its
   name and its arguments. Each call of a kind that matters is told to `standin_on_call`. Built and used by driven_gpu.py. */

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;
enum { OK = 0, NOT_FOUND = 500, NOT_READY = 600, INVALID = 1 };
enum { COPY, WAIT, LAUNCH };
enum { MOST_ARGUMENTS = 256 };

typedef struct Stream Stream;
typedef struct {
    int kind;
    void *to;
    const void *from;
    size_t bytes;
    Stream *other;
    long until;
    char *name;
    uint64_t arguments[MOST_ARGUMENTS];
    unsigned shared;
} Op;
struct Stream {
    Op **ops;
    long length, done;
    Stream *next;
};
typedef struct {
    Stream *stream;
    long at;
} Event;
typedef struct {
    char *name;
    int dynamic_shared;
} Kernel;
typedef struct {
    unsigned grid[3], block[3], shared;
    Stream *stream;
    void *attributes;
    unsigned count;
} LaunchConfig;

static Stream *streams, legacy;
static void *context = (void *)0x10;
static __thread void *current;
static void (*on_launch)(const char *, uint64_t *);
static void (*on_call)(const char *, uint64_t, uint64_t);

void standin_on_launch(void (*f)(const char *, uint64_t *)) { on_launch = f; }
void standin_on_call(void (*f)(const char *, uint64_t, uint64_t)) { on_call = f; }
static void tell(const char *what, const void *a, uint64_t b) {
    if (on_call) on_call(what, (uint64_t)a, b);
}

/* --- streams, as late as possible ------------------------------------------------------------------------------------- */

static Stream *real(Stream *s) { return (uintptr_t)s < 3 ? &legacy : s; }
static void run(Stream *s, long until) {
    while (s->done < until) {
        Op *op = s->ops[s->done++];
        if (op->kind == COPY) memcpy(op->to, op->from, op->bytes);
        if (op->kind == WAIT) run(op->other, op->until);
        if (op->kind == LAUNCH && on_launch) on_launch(op->name, op->arguments);
        free(op);
    }
}
static void run_all(void) {
    for (Stream *s = streams; s; s = s->next) run(s, s->length);
}
static Op *push(Stream *s, int kind) {
    Op *op = calloc(1, sizeof(Op));
    s = real(s);
    op->kind = kind;
    s->ops = realloc(s->ops, (s->length + 1) * sizeof(Op *));
    s->ops[s->length++] = op;
    return op;
}
static Result copy(void *to, const void *from, size_t bytes, Stream *s, const char *what) {
    tell(what, s, bytes);
    if (real(s) == &legacy) { /* the default stream waits for all others, and the host for it */
        run_all();
        memcpy(to, from, bytes);
        return OK;
    }
    Op *op = push(s, COPY);
    op->to = to, op->from = from, op->bytes = bytes;
    return OK;
}
Result cuMemcpyHtoD(void *to, const void *from, size_t n) { return copy(to, from, n, 0, "copy_in_waiting"); }
Result cuMemcpyDtoH(void *to, const void *from, size_t n) { return copy(to, from, n, 0, "copy_out_waiting"); }
Result cuMemcpyHtoDAsync(void *to, const void *from, size_t n, Stream *s) { return copy(to, from, n, s, "copy_in"); }
Result cuMemcpyDtoHAsync(void *to, const void *from, size_t n, Stream *s) { return copy(to, from, n, s, "copy_out"); }
Result cuMemcpyDtoD(void *to, const void *from, size_t n) { return copy(to, from, n, 0, "copy_within"); }
Result cuStreamCreate(Stream **out, unsigned flags) {
    (void)flags;
    *out = calloc(1, sizeof(Stream));
    (*out)->next = streams;
    streams = *out;
    return OK;
}
Result cuStreamCreateWithPriority(Stream **out, unsigned flags, int priority) { (void)priority; return cuStreamCreate(out, flags); }
Result cuStreamDestroy(Stream *s) { run(real(s), real(s)->length); return OK; }
Result cuStreamSynchronize(Stream *s) { tell("wait_for_stream", s, 0); run(real(s), real(s)->length); return OK; }
Result cuCtxSynchronize(void) { tell("wait_for_all", 0, 0); run_all(); return OK; }
Result cuStreamGetCtx(Stream *s, void **out) { (void)s; *out = context; return OK; }
Result cuEventCreate(Event **out, unsigned flags) { (void)flags; *out = calloc(1, sizeof(Event)); return OK; }
Result cuEventDestroy(Event *e) { (void)e; return OK; }
Result cuEventRecord(Event *e, Stream *s) {
    tell("record", s, (uint64_t)e);
    e->stream = real(s), e->at = real(s)->length;
    return OK;
}
Result cuEventSynchronize(Event *e) {
    tell("wait_for_event", e, 0);
    if (e->stream) run(e->stream, e->at);
    return OK;
}
Result cuEventQuery(Event *e) { return !e->stream || e->stream->done >= e->at ? OK : NOT_READY; }
Result cuStreamWaitEvent(Stream *s, Event *e, unsigned flags) {
    (void)flags;
    tell("stream_waits", s, (uint64_t)e);
    if (e->stream) {
        Op *op = push(s, WAIT);
        op->other = e->stream, op->until = e->at;
    }
    return OK;
}

/* --- memory ----------------------------------------------------------------------------------------------------------- */

static Result reserve(void **out, size_t bytes, int fill, const char *what) { /* never zeroed: nobody may count on that */
    tell(what, 0, bytes);
    if (!bytes || posix_memalign(out, 256, bytes)) return INVALID;
    memset(*out, fill, bytes);
    return OK;
}
Result cuMemAlloc(void **out, size_t bytes) { return reserve(out, bytes, 0x7b, "device_memory"); }
Result cuMemHostAlloc(void **out, size_t bytes, unsigned flags) { (void)flags; return reserve(out, bytes, 0x7d, "pinned_memory"); }
Result cuMemFree(void *p) { run_all(); free(p); return OK; }
Result cuMemFreeHost(void *p) { run_all(); free(p); return OK; }
Result cuMemGetInfo(size_t *available, size_t *total) { *available = (size_t)79 << 30, *total = (size_t)80 << 30; return OK; }
Result cuPointerGetAttribute(void *out, int attribute, void *p) { (void)out, (void)attribute, (void)p; return INVALID; }

/* --- kernels ---------------------------------------------------------------------------------------------------------- */

Result cuLibraryLoadData(void **out, const void *code, void *a, void *b, unsigned c, void *d, void *e, unsigned f) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    if (memcmp(code, "\177ELF", 4)) return 200; /* machine code, or it is no image */
    *out = calloc(1, 16);
    return OK;
}
Result cuLibraryUnload(void *library) { (void)library; return OK; }
Result cuLibraryGetModule(void **out, void *library) { *out = library; return OK; }
Result cuLibraryGetKernel(Kernel **out, void *library, const char *name) {
    (void)library;
    *out = calloc(1, sizeof(Kernel));
    (*out)->name = strdup(name);
    return OK;
}
Result cuKernelGetFunction(Kernel **out, Kernel *k) { *out = k; return OK; }
Result cuKernelGetAttribute(int *out, int attribute, Kernel *k, int device) {
    (void)device;
    *out = attribute == 8 ? k->dynamic_shared : attribute == 0 ? 1024 : 0;
    return OK;
}
Result cuFuncGetAttribute(int *out, int attribute, Kernel *k) { return cuKernelGetAttribute(out, attribute, k, 0); }
Result cuKernelSetAttribute(int attribute, int value, Kernel *k, int device) {
    (void)device;
    tell("kernel_attribute", (void *)(uintptr_t)attribute, value);
    if (attribute != 8 || value > 227 << 10) return INVALID; /* MAX_DYNAMIC_SHARED_SIZE_BYTES */
    k->dynamic_shared = value;
    return OK;
}
/* numba passes 126 arguments for negative sampling, of 8 bytes each but for the rate, clamp and skip; a tree has 12 more than an
   alias table */
static Result launch(Kernel *k, unsigned shared, Stream *s, void **parameters) {
    int more = strstr(k->name, "_ns") ? 0 : 12, most = k->dynamic_shared > 48 << 10 ? k->dynamic_shared : 48 << 10;
    tell("launch", s, shared);
    if (shared > (unsigned)most) return INVALID;
    Op *op = push(s, LAUNCH);
    op->name = k->name, op->shared = shared;
    for (int i = 0; i < 126 + more; i++) {
        int narrow = i == 48 + more || i == 53 + more || i == 54 + more;
        memcpy(&op->arguments[i], parameters[i], narrow ? 4 : 8);
    }
    return OK;
}
Result cuLaunchKernelEx(const LaunchConfig *c, Kernel *k, void **parameters, void **extra) {
    (void)extra;
    return launch(k, c->shared, c->stream, parameters);
}
Result cuLaunchKernel(Kernel *k, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                      Stream *s, void **parameters, void **extra) {
    (void)gx, (void)gy, (void)gz, (void)bx, (void)by, (void)bz, (void)extra;
    return launch(k, shared, s, parameters);
}

/* --- the device and its context --------------------------------------------------------------------------------------- */

Result cuInit(unsigned flags) { (void)flags; return OK; }
Result cuDriverGetVersion(int *out) { *out = 13000; return OK; }
Result cuDeviceGetCount(int *out) { *out = 1; return OK; }
Result cuDeviceGet(int *out, int ordinal) { *out = ordinal; return OK; }
Result cuDeviceGetName(char *out, int length, int device) { (void)device; snprintf(out, length, "a stand-in"); return OK; }
Result cuDeviceGetUuid(void *out, int device) { memset(out, 7, 16); (void)device; return OK; }
Result cuDeviceTotalMem(size_t *out, int device) { (void)device; *out = (size_t)80 << 30; return OK; }
Result cuDeviceGetAttribute(int *out, int attribute, int device) {
    (void)device;
    switch (attribute) {
    case 75: *out = 9; break;          /* compute capability, major */
    case 76: *out = 0; break;          /* minor */
    case 16: *out = 2; break;          /* multiprocessors */
    case 97: *out = 227 << 10; break;  /* shared memory that a block may ask for */
    case 10: *out = 32; break;         /* warp */
    default: *out = 1;
    }
    return OK;
}
Result cuDevicePrimaryCtxRetain(void **out, int device) { (void)device; *out = context; return OK; }
Result cuDevicePrimaryCtxRelease(int device) { (void)device; return OK; }
Result cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) { (void)device; *flags = 0, *active = 1; return OK; }
Result cuCtxGetCurrent(void **out) { *out = current; return OK; }
Result cuCtxSetCurrent(void *c) { current = c; return OK; }
Result cuCtxPushCurrent(void *c) { current = c; return OK; }
Result cuCtxPopCurrent(void **out) { *out = current; current = 0; return OK; }
Result cuCtxGetDevice(int *out) { *out = 0; return current ? OK : 201; }
Result cuCtxGetStreamPriorityRange(int *least, int *most) { *least = *most = 0; return OK; }
Result cuGetErrorName(int e, const char **out) { *out = e == NOT_FOUND ? "CUDA_ERROR_NOT_FOUND" : "CUDA_ERROR"; return OK; }
Result cuGetErrorString(int e, const char **out) { (void)e; *out = "an error of the stand-in"; return OK; }

Result cuGetProcAddress_v2(const char *name, void **out, int version, uint64_t flags, int *status) {
    (void)version, (void)flags;
    *out = dlsym(RTLD_DEFAULT, name);
    if (!*out) {
        void *self = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
        *out = self ? dlsym(self, name) : 0;
    }
    if (getenv("STANDIN_TRACE")) fprintf(stderr, "ask %s %s\n", name, *out ? "" : "MISSING");
    if (status) *status = *out ? 0 : 1;
    return *out ? OK : NOT_FOUND;
}
Result cuGetProcAddress(const char *name, void **out, int version, uint64_t flags) {
    return cuGetProcAddress_v2(name, out, version, flags, 0);
}
