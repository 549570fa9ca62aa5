// SPDX-License-Identifier: Apache-2.0
// Rule 11 by the kernel: children that die at their first system call do drops at level `any`.
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "../reclaim/watchdog.hpp"
#include "cases.hpp"

namespace {

using namespace rule11;

constexpr int not_permitted = 77;

/// From here on the calling thread may end the process, and nothing else. With `and_wake` it may
/// also wake a sleeper.
void forbid_system_calls(bool and_wake = false) {
  constexpr unsigned number = offsetof(seccomp_data, nr);
  constexpr unsigned operation =
      offsetof(seccomp_data, args) + sizeof(std::uint64_t);  // its low half
  const unsigned wake = and_wake ? SYS_futex : SYS_exit_group;
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wake, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, operation),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAKE_PRIVATE, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog filter{sizeof(program) / sizeof(*program), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    _exit(not_permitted);
  }
}

/// Runs f in a child; f ends it. Returns the wait status.
template <class F>
int in_child(F f) {
  const pid_t child = fork();
  if (child == 0) {
    test::watchdog::start();
    f();
    _exit(99);  // f should not have come back
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) return "died of signal " + std::to_string(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

class seccomp : public testing::Test {
 protected:
  void SetUp() override {
    const int status = in_child([] {
      forbid_system_calls();
      _exit(0);
    });
    if (WIFEXITED(status) && WEXITSTATUS(status) == not_permitted) {
      GTEST_SKIP() << "seccomp filters are not permitted here";
    }
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << describe(status);
  }
};

#define EXPECT_NO_CALL(status)                                                                     \
  do {                                                                                             \
    const int s = status;                                                                          \
    EXPECT_TRUE(WIFEXITED(s) && WEXITSTATUS(s) == 0) << describe(s);                               \
  } while (false)

#define EXPECT_KILLED(status)                                                                      \
  do {                                                                                             \
    const int s = status;                                                                          \
    EXPECT_TRUE(WIFSIGNALED(s) && WTERMSIG(s) == SIGSYS) << describe(s);                           \
  } while (false)

/// All objects are gone: the end of a child that was allowed to live.
[[noreturn]] void end(int gone_before) { _exit(inner::gone == gone_before + 3 * 200 + 1 ? 0 : 1); }

// ---- the controls --------------------------------------------------------------------------------

TEST_F(seccomp, control_a_system_call_kills) {
  EXPECT_KILLED(in_child([] {
    auto all = std::make_unique<repertoire<trefoil::threads>>();
    forbid_system_calls();
    all->use_at_any();
    syscall(SYS_getpid);
    _exit(0);
  }));
}

TEST_F(seccomp, control_memory_from_the_system_kills) {
  EXPECT_KILLED(in_child([] {
    std::array<trefoil::ref<packed<trefoil::threads>, outer>, 20'000> many;
    forbid_system_calls();
    for (auto& r : many) r = trefoil::make<packed<trefoil::threads>>();
    _exit(0);
  }));
}

// ---- drops at any --------------------------------------------------------------------------------

TEST_F(seccomp, in_ordinary_code) {
  EXPECT_NO_CALL(in_child([] {
    auto all = std::make_unique<repertoire<trefoil::threads>>();
    const int before = inner::gone;
    forbid_system_calls();
    all->use_at_any();
    end(before);
  }));
}

TEST_F(seccomp, in_a_thread_that_never_registered) {
  EXPECT_NO_CALL(in_child([] {
    auto all = std::make_unique<repertoire<trefoil::threads>>();
    std::thread([&all] {
      const int before = inner::gone;
      forbid_system_calls();
      all->use_at_any();
      end(before);
    }).join();
  }));
}

/// The signal itself would need system calls. So the handler is called at the very point where a
/// signal would land: in the middle of the pool.
template <class Operation>
int landing_in(Operation operation) {
  return in_child([&] {
    static std::unique_ptr<repertoire<hooked>> all;
    static int before;
    all = std::make_unique<repertoire<hooked>>();
    operation([] {
      hooked::inside_pool = [] {
        before = inner::gone;
        forbid_system_calls();
        all->use_at_any();
        end(before);
      };
    });
  });
}

TEST_F(seccomp, in_a_handler_that_landed_in_an_allocation) {
  EXPECT_NO_CALL(landing_in([](auto arm) {
    arm();
    auto r = trefoil::make<packed<hooked>>();
  }));
}

TEST_F(seccomp, in_a_handler_that_landed_in_a_release) {
  EXPECT_NO_CALL(landing_in([](auto arm) {
    auto r = trefoil::make<packed<hooked>>();
    arm();
    r.drop();
  }));
}

TEST_F(seccomp, in_a_handler_that_landed_in_a_trim) {
  EXPECT_NO_CALL(landing_in([](auto arm) {
    arm();
    static_cast<void>(trefoil::trim<packed<hooked>>());
  }));
}

/// Made before the thread's first use of the library, so it ends after the library's thread-locals.
struct last_of_all {
  std::unique_ptr<repertoire<trefoil::threads>> all;
  ~last_of_all() {
    const int before = inner::gone;
    forbid_system_calls();
    all->use_at_any();
    end(before);
  }
};

TEST_F(seccomp, past_the_threads_thread_locals) {
  EXPECT_NO_CALL(in_child([] {
    std::thread([] {
      thread_local last_of_all last;
      last.all = std::make_unique<repertoire<trefoil::threads>>();
    }).join();
  }));
}

// ---- deferred drops ------------------------------------------------------------------------------

struct heavy {
  static constexpr auto teardown = context::process;
};
struct loop_tag;
struct loop_traits : trefoil::default_traits {
  using reclaimer = trefoil::polled<loop_tag>;
};

template <class T>
void drop_many(bool and_wake) {
  std::array<trefoil::ref<T>, 500> many;
  for (auto& r : many) r = trefoil::make<T>();
  forbid_system_calls(and_wake);
  const context::scope here(context::any);
  for (auto& r : many) r.drop();
  _exit(0);
}

TEST_F(seccomp, deferral_to_a_loop_makes_no_call) {
  EXPECT_NO_CALL(in_child([] { drop_many<trefoil::basic_staged<loop_traits, heavy>>(false); }));
}

TEST_F(seccomp, deferral_to_the_worker_makes_no_call_but_the_wake_up) {
  EXPECT_NO_CALL(in_child([] { drop_many<trefoil::staged<heavy>>(true); }));
}

}  // namespace
