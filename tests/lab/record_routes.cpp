// SPDX-License-Identifier: Apache-2.0
// Who let go of an address space, from the kernel's stack: each function that is known, what the compiler
// and interrupts do to stacks, and the names of holders.
#include "lab/record/routes.hpp"

#include "lab/record/translator.hpp"
#include "tests/lab/text.hpp"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>

namespace trefoil::lab {
namespace {

// Who holds an mm_struct in Linux, by the sites that take a reference: nothing else is a holder's name.
constexpr std::array<std::string_view, 43> table_of_holders{
    "secondary CPU's active_mm = init_mm",
    "secondary CPU, lazy",
    "swap lazy mm for init_mm",
    "lazy TLB",
    "boot idle task",
    "exiting task becomes lazy",
    "kthread borrows an mm",
    "dead CPU's lazy mm",
    "old lazy mm of a kthread doing exec",
    "owner's initial reference",
    "kthread installs its own mm",
    "VAS window",
    "coprocessor",
    "coprocessor, nest MMU",
    "IOMMU group memory list",
    "SVA domain",
    "notifier",
    "interval notifier",
    "pinned user memory",
    "doorbell page",
    "bridge over mmu_notifier_unregister",
    "DMA mapping",
    "userspace vDPA",
    "vhost owner",
    "zPCI",
    "ring accounting",
    "virtual machine",
    "binder buffer",
    "user fence",
    "eviction fence",
    "AIO copy-back",
    "/proc/PID/mem",
    "/proc/PID/maps ...",
    "/proc/PID/maps, no MMU",
    "who shares this mm",
    "userfaultfd context",
    "user_events",
    "scan list",
    "caller already holds users",
    "signal->oom_mm",
    "process_shares_mm",
    "reap a dying process",
    "task->exit_mm for __ptrace_may_access",
};

struct expected {
  std::string_view function;
  std::string_view name;
  std::string_view holder;
};

// Functions that drop a reference of one kind of holder.
constexpr std::array droppers{
    // the scheduler and its like
    expected{"finish_task_switch", "context-switch", "lazy TLB"},
    expected{"__mmdrop_delayed", "rcu callback", "lazy TLB"},
    expected{"kthread_use_mm", "release by kthread_use_mm", "lazy TLB"},
    expected{"kthread_unuse_mm", "release by kthread_unuse_mm", "kthread borrows an mm"},
    expected{"exit_lazy_flush_tlb", "release by a shootdown", "swap lazy mm for init_mm"},
    expected{"finish_cpu", "release by finish_cpu", "dead CPU's lazy mm"},
    // /proc
    expected{"mem_release", "close /proc/PID/mem", "/proc/PID/mem"},
    expected{"proc_map_release", "close /proc/PID/maps", "/proc/PID/maps ..."},
    expected{"smaps_rollup_release", "close /proc/PID/maps", "/proc/PID/maps ..."},
    expected{"pagemap_release", "close /proc/PID/pagemap", "/proc/PID/maps ..."},
    expected{"__set_oom_adj", "write of oom_score_adj", "who shares this mm"},
    // OOM
    expected{"mmdrop_async_fn", "workqueue (tail call: mmdrop_async_fn)", "signal->oom_mm"},
    expected{"oom_reaper", "oom_reaper release", "signal->oom_mm"},
    expected{"__oom_kill_process", "oom_kill_process", "process_shares_mm"},
    expected{"__do_sys_process_mrelease", "process_mrelease", "reap a dying process"},
    expected{"__se_sys_process_mrelease", "process_mrelease", "reap a dying process"},
    expected{"__x64_sys_process_mrelease", "process_mrelease", "reap a dying process"},
    // memory management
    expected{"userfaultfd_ctx_put", "close userfaultfd", "userfaultfd context"},
    expected{"userfaultfd_release", "close userfaultfd", "userfaultfd context"},
    expected{"khugepaged", "khugepaged release", "scan list"},
    expected{"ksm_scan_thread", "ksm release", "scan list"},
    expected{"unmerge_and_remove_all_rmap_items", "ksm release", "scan list"},
    expected{"run_store", "ksm release", "scan list"},
    expected{"mmu_notifier_unregister", "release of mmu notifier", "notifier"},
    expected{"mmu_notifier_free_rcu", "rcu callback (mmu notifier)", "notifier"},
    expected{"mmu_interval_notifier_remove", "release of mmu notifier", "interval notifier"},
    // tracing, rings
    expected{"user_event_mm_destroy", "workqueue (user_events)", "user_events"},
    expected{"delayed_user_event_mm_put", "workqueue (user_events)", "user_events"},
    expected{"io_ring_ctx_free", "workqueue (io_uring)", "ring accounting"},
    expected{"io_ring_exit_work", "workqueue (io_uring)", "ring accounting"},
    expected{"io_uring_release", "close io_uring", "ring accounting"},
    // machines within the machine
    expected{"kvm_vm_release", "close kvm", "virtual machine"},
    expected{"kvm_vcpu_release", "close kvm", "virtual machine"},
    expected{"kvm_device_release", "close kvm", "virtual machine"},
    expected{"kvm_destroy_vm", "close kvm", "virtual machine"},
    expected{"kvm_put_kvm", "close kvm", "virtual machine"},
    expected{"vhost_dev_cleanup", "close vhost", "vhost owner"},
    expected{"vhost_detach_mm", "close vhost", "vhost owner"},
    expected{"vduse_dev_dereg_umem", "close vduse", "userspace vDPA"},
    // devices that reach into memory
    expected{"vfio_iommu_type1_release", "close vfio", "DMA mapping"},
    expected{"vfio_remove_dma", "close vfio", "DMA mapping"},
    expected{"tce_iommu_release", "close vfio", "IOMMU group memory list"},
    expected{"iommu_sva_unbind_device", "release of SVA domain", "SVA domain"},
    expected{"iommu_domain_free", "release of SVA domain", "SVA domain"},
    expected{"iopt_release_pages", "close iommufd", "pinned user memory"},
    expected{"__ib_umem_release", "release of ib_umem", "pinned user memory"},
    expected{"ib_umem_release", "release of ib_umem", "pinned user memory"},
    expected{"usnic_uiom_reg_release", "release of usnic memory", "pinned user memory"},
    expected{"mlx5_ib_db_unmap_user", "release of doorbell", "doorbell page"},
    expected{"hfi1_mmu_rb_unregister", "release of mmu notifier",
             "bridge over mmu_notifier_unregister"},
    expected{"amdkfd_fence_release", "release of fence", "eviction fence"},
    expected{"user_fence_destroy", "release of fence", "user fence"},
    expected{"user_fence_worker", "release of fence", "user fence"},
    expected{"ep_user_copy_worker", "workqueue (usb gadget)", "AIO copy-back"},
    expected{"ffs_user_copy_worker", "workqueue (usb gadget)", "AIO copy-back"},
    expected{"binder_alloc_deferred_release", "workqueue (binder)", "binder buffer"},
    // of powerpc
    expected{"cxl_context_mm_count_put", "close cxl", "coprocessor"},
    expected{"ocxl_link_remove_pe", "close ocxl", "coprocessor, nest MMU"},
    expected{"coproc_release", "close vas", "VAS window"},
};

// Callers of functions that jump to __mmdrop.
constexpr std::array callers{
    expected{"process_one_work", "workqueue (tail call: mmdrop_async_fn)", "signal->oom_mm"},
    expected{"srcu_invoke_callbacks", "rcu callback (mmu notifier)", "notifier"},
    expected{"rcu_do_batch", "rcu callback", "lazy TLB"},
};

struct way {
  std::string_view function;
  std::string_view put;  // the route where an mmput is on the stack
  std::string_view other;
};

constexpr std::array ways{
    way{"begin_new_exec", "exec (mmput)", "exec (mmput)"},  // who execs puts its old mm
    way{"bprm_execve", "exec (mmput)", "exec"},
    way{"free_bprm", "exec (mmput)", "exec"},
    way{"do_exit", "do_exit (mmput)", "do_exit (mmput)"},  // and who exits its only one
    way{"process_one_work", "workqueue (mmput)", "workqueue"},
    way{"rcu_do_batch", "rcu callback", "rcu callback"},
    way{"rcu_core", "rcu callback", "rcu callback"},
    way{"srcu_invoke_callbacks", "rcu callback", "rcu callback"},
    way{"copy_process", "fork (mmput)", "fork"},
    way{"__fput", "close (mmput)", "close"},
    way{"vfs_read", "read (mmput)", "read"},
    way{"ksys_read", "read (mmput)", "read"},
    way{"vfs_write", "write (mmput)", "write"},
};

constexpr std::string_view users = "owner's initial reference";

route of(const std::vector<std::string_view>& functions) { return route_of(functions); }

template <class Table>
bool names(const Table& table, std::string_view function) {
  return std::any_of(table.begin(), table.end(),
                     [&](const auto& one) { return one.function == function; });
}

TEST(RecordRoutes, TellWhoDropsItByEachFunctionThatIsKnown) {
  for (const expected& one : droppers) {
    const route found = of({"__mmdrop", one.function, "some_caller"});
    EXPECT_EQ(found.name, one.name) << one.function;
    EXPECT_EQ(found.holder, one.holder) << one.function;
  }
  for (const clue& one : clues) EXPECT_TRUE(names(droppers, one.function)) << one.function;
}

TEST(RecordRoutes, NameHoldersOfTheTableOnly) {
  const auto in_the_table = [](std::string_view holder) {
    return std::find(table_of_holders.begin(), table_of_holders.end(), holder) !=
           table_of_holders.end();
  };
  for (const clue& one : clues) EXPECT_TRUE(in_the_table(one.holder)) << one.holder;
  for (const clue& one : jumps) EXPECT_TRUE(in_the_table(one.holder)) << one.holder;
  for (const road& one : roads) {
    for (const std::string_view inner : {"mmput", "some_release"}) {
      const std::string_view holder = of({"__mmdrop", inner, one.function}).holder;
      EXPECT_TRUE(holder.empty() || in_the_table(holder)) << holder;
    }
  }
  for (const route& one : {by_context_switch, by_deduction, by_exit, by_exec}) {
    EXPECT_TRUE(in_the_table(one.holder)) << one.holder;
  }
}

TEST(RecordRoutes, KnowWhoJumpsByItsCaller) {
  for (const expected& one : callers) {
    const route found = of({"free_percpu", "__mmdrop", one.function, "some_caller"});
    EXPECT_EQ(found.name, one.name) << one.function;
    EXPECT_EQ(found.holder, one.holder) << one.function;
    // Something between: it is that, whatever it is.
    EXPECT_EQ(of({"__mmdrop", "some_release", one.function}).holder, "") << one.function;
    EXPECT_EQ(of({"__mmdrop", "some_release", one.function}).name.find("("), std::string::npos);
  }
  for (const clue& one : jumps) EXPECT_TRUE(names(callers, one.function)) << one.function;
  EXPECT_EQ(of({"free_percpu", "__mmdrop"}).holder, "") << "the stack was too deep to have it";
  // What is jumped to leaves the function that called it, and what the compiler has put into it.
  EXPECT_EQ(of({"", "bpf_trace_run3", "kmem_cache_free", "process_one_work"}).holder,
            "signal->oom_mm");
  // The recorder's program has the name of the module before it.
  EXPECT_EQ(
      of({"xfs_exit", "bpf_trace_run3", "free_percpu", "__mmdrop", "process_one_work"}).holder,
      "signal->oom_mm");
  EXPECT_EQ(of({"free_percpu", "percpu_counter_destroy_many", "__mmdrop", "rcu_do_batch"}).holder,
            "lazy TLB");
}

TEST(RecordRoutes, SayWhereWhoeverItWasCameFrom) {
  for (const way& one : ways) {
    const route put = of({"__mmdrop", "mmput", one.function, "some_caller"});
    EXPECT_EQ(put.name, one.put) << one.function;
    EXPECT_EQ(put.holder, users) << one.function;
    const route other = of({"__mmdrop", "some_release", one.function, "some_caller"});
    EXPECT_EQ(other.name, one.other) << one.function;
    EXPECT_EQ(other.holder, one.other.ends_with("(mmput)") ? users : "") << one.function;
  }
  for (const road& one : roads) EXPECT_TRUE(names(ways, one.function)) << one.function;
  for (const std::string_view put : {"mmput", "__mmput", "mmput_async_fn", "exit_mm"}) {
    EXPECT_EQ(of({"__mmdrop", put, "process_one_work"}).name, "workqueue (mmput)") << put;
  }
}

TEST(RecordRoutes, GoByTheInnermostThatTells) {
  // A task that exits closes files: the file is what counts.
  EXPECT_EQ(of({"__mmdrop", "mem_release", "__fput", "task_work_run", "do_exit"}).holder,
            "/proc/PID/mem");
  // What it closes then need not be known, and is not its own mm.
  const route closed = of({"__mmdrop", "some_release", "__fput", "task_work_run", "do_exit"});
  EXPECT_EQ(closed.holder, "");
  EXPECT_EQ(closed.name, "do_exit");
  EXPECT_EQ(of({"__mmdrop", "mmput", "some_release", "__fput", "task_work_run", "do_exit"}).holder,
            users);
  // A release that had to look at the mm may be the last to use it.
  const route put = of({"__mmdrop", "__mmput", "userfaultfd_release", "__fput"});
  EXPECT_EQ(put.name, "close (mmput)");
  EXPECT_EQ(put.holder, users);
  // Whoever waits or is preempted is switched from; the CPU drops another one's mm then.
  for (const std::string_view waits : {"mmput", "mmdrop_async_fn", "io_ring_exit_work"}) {
    EXPECT_EQ(of({"__mmdrop", "finish_task_switch", "schedule", waits, "process_one_work"}).holder,
              "lazy TLB");
  }
  // Whoever borrows an mm gives back what it had before.
  EXPECT_EQ(of({"__mmdrop", "kthread_use_mm", "ffs_user_copy_worker", "process_one_work"}).holder,
            "lazy TLB");
}

TEST(RecordRoutes, AreNotOfWhatAnInterruptCameUpon) {
  for (const std::string_view entry :
       {"handle_softirqs", "__do_softirq", "do_softirq", "run_ksoftirqd"}) {
    const route soft = of({"__mmdrop", "rcu_do_batch", entry, "mmput", "do_exit"});
    EXPECT_EQ(soft.name, "rcu callback") << entry;
    EXPECT_EQ(soft.holder, "lazy TLB") << entry;
    EXPECT_EQ(soft.context, sampled_context::softirq) << entry;
  }
  for (const std::string_view entry :
       {"__common_interrupt", "__sysvec_apic_timer_interrupt", "handle_irq_event", "el1_interrupt",
        "generic_handle_domain_irq", "__sysvec_call_function_single"}) {
    const route hard = of({"__mmdrop", "amdkfd_fence_release", entry, "mem_release", "do_exit"});
    EXPECT_EQ(hard.holder, "eviction fence") << entry;
    EXPECT_EQ(hard.context, sampled_context::hardirq) << entry;
    EXPECT_EQ(of({"__mmdrop", "some_callback", entry, "mmput", "do_exit"}).holder, "") << entry;
  }
  // A softirq on the way out of a hardirq is a softirq, and the other way round.
  using enum sampled_context;
  EXPECT_EQ(of({"__mmdrop", "handle_softirqs", "irq_exit", "__common_interrupt"}).context, softirq);
  EXPECT_EQ(of({"__mmdrop", "__common_interrupt", "handle_softirqs"}).context, hardirq);
  // But one that ends in the scheduler is the task's.
  EXPECT_EQ(of({"__mmdrop", "finish_task_switch", "preempt_schedule_irq", "el1_interrupt"}).context,
            task);
  EXPECT_EQ(of({"__mmdrop", "mem_release"}).context, task);
}

TEST(RecordRoutes, AreUnknownWhereNoFunctionIs) {
  for (const route& none : {of({}), of({"", ""})}) {
    EXPECT_EQ(none.context, sampled_context::unknown);
    EXPECT_EQ(none.name, "");
    EXPECT_EQ(none.holder, "");
  }
  EXPECT_EQ(of({"", "some_function"}).context, sampled_context::task);
}

// From addresses on, with what compilers make of names.
class RecordStacks : public files {
 protected:
  std::string holder_of(const std::string& kallsyms, const std::vector<std::uint64_t>& stack) {
    const kernel_symbols symbols = kernel_symbols::read(write("kallsyms", kallsyms));
    lab::names words;
    std::string holder = "none";
    translator one(words, symbols, {}, [&holder, this](const event&, const circumstances& around) {
      holder = around.holder;
      stack_ = around.stack;
    });
    raw_record end{};
    end.kind = raw_mm_free;
    end.time_ns = 100;
    end.mm = 0xa0;
    end.pid = 7;
    end.number = end.subject = end.mm_users = end.mm_count = -1;
    one.add(end, stack);
    one.flush(true);
    return holder;
  }

  std::string stack_;
};

TEST_F(RecordStacks, AreReadWithoutTheSuffixesOfCompilers) {
  for (const std::string suffix :
       {".isra.0", ".constprop.0", ".cold", ".part.0", ".constprop.0.isra.0", ".llvm.123"}) {
    EXPECT_EQ(holder_of("0000000000000100 T __mmdrop\n0000000000000200 t finish_task_switch" +
                            suffix + "\n0000000000000300 T schedule\n",
                        {0x101, 0x210, 0x310}),
              "lazy TLB")
        << suffix;
    EXPECT_EQ(stack_, "__mmdrop finish_task_switch schedule");
  }
}

// A call that is the last thing in a function returns to where the next one begins.
TEST_F(RecordStacks, GoByTheCallNotByWhereItReturns) {
  EXPECT_EQ(holder_of("0000000000000100 T __mmdrop\n0000000000000200 t mem_release\n"
                      "0000000000000300 t finish_task_switch\n0000000000000400 T __fput\n",
                      {0x101, 0x300, 0x410}),
            "/proc/PID/mem");
  EXPECT_EQ(stack_, "__mmdrop mem_release __fput");
}

}  // namespace
}  // namespace trefoil::lab
