// SPDX-License-Identifier: Apache-2.0
// What functions of the kernel on a stack tell of who let go of an address space. The holders are those of
// the kernel's own sources: docs/recorder.md has the table.
#ifndef TREFOIL_LAB_RECORD_CLUES_HPP
#define TREFOIL_LAB_RECORD_CLUES_HPP

#include <array>
#include <string_view>

namespace trefoil::lab {

// Of the users together: what the first of them was born with, and the last one's mmput gives back.
inline constexpr std::string_view of_the_users = "owner's initial reference";

struct clue {
  std::string_view function;
  std::string_view name;  // of the route
  std::string_view holder;
};

inline constexpr std::array clues{
    clue{"mmdrop_async_fn", "workqueue (tail call: mmdrop_async_fn)", "signal->oom_mm"},
    clue{"finish_task_switch", "context-switch", "lazy TLB"},
    clue{"mem_release", "close /proc/PID/mem", "/proc/PID/mem"},
    clue{"proc_map_release", "close /proc/PID/maps", "/proc/PID/maps ..."},
    clue{"smaps_rollup_release", "close /proc/PID/maps", "/proc/PID/maps ..."},
    clue{"pagemap_release", "close /proc/PID/pagemap", "/proc/PID/maps ..."},
    clue{"userfaultfd_ctx_put", "close userfaultfd", "userfaultfd context"},
    clue{"userfaultfd_release", "close userfaultfd", "userfaultfd context"},
    clue{"io_ring_ctx_free", "workqueue (io_uring)", "ring accounting"},
    clue{"io_ring_exit_work", "workqueue (io_uring)", "ring accounting"},
    clue{"io_uring_release", "close io_uring", "ring accounting"},
    clue{"kvm_vm_release", "close kvm", "virtual machine"},
    clue{"kvm_vcpu_release", "close kvm", "virtual machine"},
    clue{"kvm_device_release", "close kvm", "virtual machine"},
    clue{"kvm_destroy_vm", "close kvm", "virtual machine"},
    clue{"kvm_put_kvm", "close kvm", "virtual machine"},
    clue{"vhost_dev_cleanup", "close vhost", "vhost owner"},
    clue{"vhost_detach_mm", "close vhost", "vhost owner"},
    clue{"vfio_iommu_type1_release", "close vfio", "DMA mapping"},
    clue{"vfio_remove_dma", "close vfio", "DMA mapping"},
    clue{"tce_iommu_release", "close vfio", "IOMMU group memory list"},
    clue{"iommu_sva_unbind_device", "release of SVA domain", "SVA domain"},
    clue{"iommu_domain_free", "release of SVA domain", "SVA domain"},
    clue{"vduse_dev_dereg_umem", "close vduse", "userspace vDPA"},
    clue{"iopt_release_pages", "close iommufd", "pinned user memory"},
    clue{"__ib_umem_release", "release of ib_umem", "pinned user memory"},
    clue{"ib_umem_release", "release of ib_umem", "pinned user memory"},
    clue{"usnic_uiom_reg_release", "release of usnic memory", "pinned user memory"},
    clue{"mlx5_ib_db_unmap_user", "release of doorbell", "doorbell page"},
    clue{"hfi1_mmu_rb_unregister", "release of mmu notifier",
         "bridge over mmu_notifier_unregister"},
    clue{"amdkfd_fence_release", "release of fence", "eviction fence"},
    // Those who borrow an mm give back the one they had before.
    clue{"kthread_use_mm", "release by kthread_use_mm", "lazy TLB"},
    clue{"user_fence_destroy", "release of fence", "user fence"},
    clue{"user_fence_worker", "release of fence", "user fence"},
    clue{"ep_user_copy_worker", "workqueue (usb gadget)", "AIO copy-back"},
    clue{"ffs_user_copy_worker", "workqueue (usb gadget)", "AIO copy-back"},
    clue{"cxl_context_mm_count_put", "close cxl", "coprocessor"},
    clue{"ocxl_link_remove_pe", "close ocxl", "coprocessor, nest MMU"},
    clue{"coproc_release", "close vas", "VAS window"},
    clue{"binder_alloc_deferred_release", "workqueue (binder)", "binder buffer"},
    clue{"mmu_notifier_free_rcu", "rcu callback (mmu notifier)", "notifier"},
    clue{"mmu_notifier_unregister", "release of mmu notifier", "notifier"},
    clue{"mmu_interval_notifier_remove", "release of mmu notifier", "interval notifier"},
    clue{"user_event_mm_destroy", "workqueue (user_events)", "user_events"},
    clue{"delayed_user_event_mm_put", "workqueue (user_events)", "user_events"},
    clue{"exit_lazy_flush_tlb", "release by a shootdown", "swap lazy mm for init_mm"},
    clue{"khugepaged", "khugepaged release", "scan list"},
    clue{"ksm_scan_thread", "ksm release", "scan list"},
    clue{"unmerge_and_remove_all_rmap_items", "ksm release", "scan list"},
    clue{"run_store", "ksm release", "scan list"},
    clue{"kthread_unuse_mm", "release by kthread_unuse_mm", "kthread borrows an mm"},
    clue{"finish_cpu", "release by finish_cpu", "dead CPU's lazy mm"},
    clue{"__mmdrop_delayed", "rcu callback", "lazy TLB"},
    clue{"oom_reaper", "oom_reaper release", "signal->oom_mm"},
    clue{"__set_oom_adj", "write of oom_score_adj", "who shares this mm"},
    clue{"__oom_kill_process", "oom_kill_process", "process_shares_mm"},
    clue{"__do_sys_process_mrelease", "process_mrelease", "reap a dying process"},
    clue{"__se_sys_process_mrelease", "process_mrelease", "reap a dying process"},
    clue{"__x64_sys_process_mrelease", "process_mrelease", "reap a dying process"},
};

// Functions that leave no trace of themselves, as they jump to __mmdrop: known by who calls them, if that
// calls nothing else that would.
inline constexpr std::array jumps{
    clue{"process_one_work", "workqueue (tail call: mmdrop_async_fn)", "signal->oom_mm"},
    clue{"srcu_invoke_callbacks", "rcu callback (mmu notifier)", "notifier"},
    clue{"rcu_do_batch", "rcu callback", "lazy TLB"},  // __mmdrop_delayed, of PREEMPT_RT
};

struct road {
  std::string_view function;
  std::string_view with_users;  // an mmput is on the stack as well
  std::string_view without;
};

// Whoever it was, this is how it came to let go. The first of them counts.
inline constexpr std::array roads{
    road{"begin_new_exec", "exec (mmput)", "exec"},
    road{"bprm_execve", "exec (mmput)", "exec"},
    road{"free_bprm", "exec (mmput)", "exec"},
    road{"do_exit", "do_exit (mmput)", "do_exit"},
    road{"process_one_work", "workqueue (mmput)", "workqueue"},
    road{"rcu_do_batch", "rcu callback", "rcu callback"},
    road{"rcu_core", "rcu callback", "rcu callback"},
    road{"srcu_invoke_callbacks", "rcu callback", "rcu callback"},
    road{"copy_process", "fork (mmput)", "fork"},
    road{"__fput", "close (mmput)", "close"},
    road{"vfs_read", "read (mmput)", "read"},
    road{"ksys_read", "read (mmput)", "read"},
    road{"vfs_write", "write (mmput)", "write"},
};

}  // namespace trefoil::lab

#endif
