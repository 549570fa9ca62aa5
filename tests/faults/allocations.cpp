// SPDX-License-Identifier: Apache-2.0
// Loaded into the program that is tried, in front of the C library: counts allocations from main() on,
// and lets one of them fail. Calls nothing that could fail itself.
#include "shared_counts.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

// The C library's own ones, by the names that it keeps for those who stand in front of it.
extern "C" {
void* __libc_malloc(std::size_t) noexcept;                 // NOLINT
void* __libc_calloc(std::size_t, std::size_t) noexcept;    // NOLINT
void* __libc_realloc(void*, std::size_t) noexcept;         // NOLINT
void* __libc_memalign(std::size_t, std::size_t) noexcept;  // NOLINT
void __libc_free(void*) noexcept;                          // NOLINT
}

namespace {

using faults::shared_counts;

shared_counts* shared = nullptr;

struct range {
  std::uintptr_t begin;
  std::uintptr_t end;
};
std::array<range, 64> code{};
std::size_t code_size = 0;

int note_code(dl_phdr_info* info, std::size_t, void*) {
  for (int i = 0; i < info->dlpi_phnum && code_size < code.size(); ++i) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
    const std::uintptr_t at = info->dlpi_addr + part.p_vaddr;
    code[code_size++] = {at, at + part.p_memsz};
  }
  return 0;
}

bool is_code(std::uintptr_t word) {
  for (std::size_t i = 0; i < code_size; ++i) {
    if (word >= code[i].begin && word < code[i].end) return true;
  }
  return false;
}

// What on the stack leads back into code: mostly the callers.
__attribute__((noinline)) std::uint64_t place() {
  const auto* const stack = static_cast<const std::uintptr_t*>(__builtin_frame_address(0));
  std::uint64_t sum = 1469598103934665603U;  // FNV-1a
  for (std::size_t i = 0; i < 48; ++i) {
    if (is_code(stack[i])) sum = (sum ^ stack[i]) * 1099511628211U;
  }
  return sum;
}

__attribute__((constructor)) void join_the_tracer() {
  const char* const name = std::getenv(shared_counts::variable);
  if (name == nullptr) return;
  const int fd = open(name, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* const at = mmap(nullptr, sizeof(shared_counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  // Not for the programs that this one starts.
  unsetenv(shared_counts::variable);
  unsetenv("LD_PRELOAD");
  if (at == MAP_FAILED) return;
  dl_iterate_phdr(note_code, nullptr);
  shared = static_cast<shared_counts*>(at);
}

// Whether this one is to fail.
__attribute__((noinline)) bool fails() noexcept {
  if (shared == nullptr || shared->begun.load() == 0) return false;
  const std::uint64_t number = shared->allocations.fetch_add(1) + 1;
  if (shared->note_places != 0 && number <= shared_counts::most_places) {
    shared->places[number - 1] = place();
  }
  if (number != shared->fail) return false;
  errno = ENOMEM;
  return true;
}

void* counted(void* block) noexcept {
  if (block != nullptr && shared != nullptr) shared->live.fetch_add(1);
  return block;
}

}  // namespace

extern "C" {

void* malloc(std::size_t bytes) noexcept {
  return fails() ? nullptr : counted(__libc_malloc(bytes));
}
void* calloc(std::size_t number, std::size_t bytes) noexcept {
  return fails() ? nullptr : counted(__libc_calloc(number, bytes));
}
void* realloc(void* block, std::size_t bytes) noexcept {
  if (bytes != 0 && fails()) return nullptr;
  void* const result = __libc_realloc(block, bytes);
  if (block == nullptr) return counted(result);
  if (bytes == 0 && shared != nullptr) shared->live.fetch_sub(1);
  return result;
}
void* memalign(std::size_t align, std::size_t bytes) noexcept {
  return fails() ? nullptr : counted(__libc_memalign(align, bytes));
}
void* aligned_alloc(std::size_t align, std::size_t bytes) noexcept {
  return memalign(align, bytes);
}
int posix_memalign(void** to, std::size_t align, std::size_t bytes) noexcept {
  const int before = errno;
  void* const block = memalign(align, bytes);
  errno = before;
  if (block == nullptr) return ENOMEM;
  *to = block;
  return 0;
}
void free(void* block) noexcept {
  if (block != nullptr && shared != nullptr) shared->live.fetch_sub(1);
  __libc_free(block);
}

// _start calls this, and it calls main(): what the program's own static objects allocate comes between,
// and there nobody could say a word yet.
using main_function = int (*)(int, char**, char**);
static main_function real_main;  // NOLINT
static int begin_main(int argc, char** argv, char** environment) {
  if (shared != nullptr) shared->begun.store(1);
  return real_main(argc, argv, environment);
}
int __libc_start_main(main_function main, int argc, char** argv, void (*init)(),
                      void (*fini)(),  // NOLINT
                      void (*rtld_fini)(), void* stack_end) {
  using start = int (*)(main_function, int, char**, void (*)(), void (*)(), void (*)(), void*);
  real_main = main;
  const auto next = reinterpret_cast<start>(dlsym(RTLD_NEXT, "__libc_start_main"));
  return next(begin_main, argc, argv, init, fini, rtld_fini, stack_end);
}
}
