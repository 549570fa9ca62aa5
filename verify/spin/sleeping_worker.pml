// SPDX-License-Identifier: Apache-2.0
//
// The reclaimer's queue and its worker: push-only / take-all list, right to run, sleep mark, wake-up
// word, flush barriers, helpers that run a few teardowns, shutdown.
//
// What is checked:
//   - no lost wake-up: when nothing moves any more, everything deferred has run and every flush has
//     returned (or the worker was shut down, and only teardowns deferred after that are left);
//   - each node runs once, and is never in two lists;
//   - when a barrier passes, all that was deferred before it has run, and what that deferred again;
//   - only one thread at a time runs teardowns.
//
// One step is one access, in a sequentially consistent memory. A wait is as a futex: it looks at its
// word once more, in one step with falling asleep; it does not return early, so that whoever relies
// on an early return is found out.

#ifndef PUSHERS
#define PUSHERS 2
#endif
#ifndef HELPS
#define HELPS 1  // times that a helper runs one teardown
#endif
#ifndef FLUSHERS
#define FLUSHERS 1
#endif
#ifndef SHUTDOWN
#define SHUTDOWN 0  // 1: the first flusher goes on to shut the worker down
#endif

#define AT_A_TIME 2
#define ASLEEP 99
#define NODES (PUSHERS + FLUSHERS)  // the last ones are barriers
#define IS_BARRIER(n) (n > PUSHERS)
#define WORKER 0
#define HELPER 1
#define FLUSHER 2  // and the following

#define NOBODY 0
#define RUNNING 1
#define RUNNING_AWAITED 2

#define LIVE 0
#define STOPPING 1
#define SHUT_DOWN 2

// Shared by the threads.
byte head;
byte next[NODES + 1];
byte wakeups;
byte runner;
byte batch;
byte life;
bool passed[NODES + 1];

// Who sleeps on which word.
bool parked_on_wakeups;
bool parked_on_runner[4];
bool parked_on_barrier[NODES + 1];
bool parked_on_life;

// Known to the checker alone.
bool pushed[NODES + 1];
bool listed[NODES + 1];
bool again_done;              // node 1 defers again, once
bool ran[NODES + 1];
byte runners;
byte flushed;
byte before[NODES + 1];       // bit b: was deferred before barrier b

// Between two accesses: jumps from one atomic sequence to another would make one step of both.
#define STEP skip

inline push(n) {
  atomic { seen = head; assert(!listed[n]) }
  do
  :: atomic {
       next[n] = (seen == ASLEEP -> 0 : seen);  // nobody else's yet
       if
       :: head == seen ->
          head = n;
          listed[n] = true;
          pushed[n] = true;
          if
          :: IS_BARRIER(n) ->
             for (i : 1 .. PUSHERS) {
               if
               :: pushed[i] -> before[i] = before[i] | (1 << n)
               :: else
               fi
             }
             i = 0
          :: else
          fi;
          break
       :: else -> seen = head
       fi
     }
  od;
  // Only who replaced the mark wakes.
#ifndef BUG_NO_WAKE
  if
  :: seen == ASLEEP -> wake()
  :: else
  fi;
#endif
  seen = 0
}

inline wake() {
#ifndef BUG_WAKES_WITHOUT_THE_WORD
  wakeups++;
#endif
  STEP;
  parked_on_wakeups = false
}

inline begin_run(me) {
  do
  :: atomic {
       if
       :: runner == NOBODY ->
          runner = RUNNING_AWAITED;
          runners++;
          assert(runners == 1);
          break
       :: else -> runner = RUNNING_AWAITED
       fi
     }
     STEP;
     atomic {
       if
       :: runner == RUNNING_AWAITED -> parked_on_runner[me] = true
       :: else
       fi
     }
     !parked_on_runner[me]
  od
}

inline end_run() {
  atomic { runners--; awaited = (runner == RUNNING_AWAITED); runner = NOBODY }
  if
  :: awaited ->
     atomic {
       awaited = false;
       // Any one of those who wait.
       if
       :: parked_on_runner[WORKER] -> parked_on_runner[WORKER] = false
       :: parked_on_runner[HELPER] -> parked_on_runner[HELPER] = false
       :: parked_on_runner[FLUSHER] -> parked_on_runner[FLUSHER] = false
       :: parked_on_runner[FLUSHER + FLUSHERS - 1] ->
          parked_on_runner[FLUSHER + FLUSHERS - 1] = false
       :: else
       fi
     }
  :: else
  fi
}

// Runs up to `most` teardowns; `done` says how many.
inline run_some(most) {
  done = 0;
  do
  :: done >= most -> break
  :: else ->
     if
     :: batch != 0
     :: else ->
#ifdef BUG_TAKES_THE_MARK_OFF
        atomic { n = head; head = 0; if :: n == ASLEEP -> n = 0 :: else fi }
#else
        atomic { n = head }
        STEP;
        if
        :: n == 0 || n == ASLEEP -> n = 0
        :: else -> atomic { n = head; head = 0; assert(n != ASLEEP) }
        fi;
#endif
        // Turned round: oldest first.
        atomic {
#ifdef BUG_NEWEST_FIRST
          batch = n;
#else
          do
          :: n == 0 -> break
          :: else -> seen = next[n]; next[n] = batch; batch = n; n = seen
          od;
#endif
          n = 0;
          seen = 0
        }
     fi;
     atomic {
       n = batch;
       if
       :: n == 0 -> break
       :: else -> batch = next[n]; listed[n] = false; next[n] = 0
       fi;
       assert(!ran[n]);
       if
       :: IS_BARRIER(n) ->
          for (i : 1 .. PUSHERS) {
            assert(ran[i] || (before[i] & (1 << n)) == 0)
          }
          i = 0;
          ran[n] = true;
          passed[n] = true
       :: n == 1 && !again_done -> again_done = true
       :: else -> ran[n] = true
       fi
     }
     if
     :: IS_BARRIER(n) -> parked_on_barrier[n] = false
     :: !IS_BARRIER(n) && !ran[n] ->
        // Deferred again by its own teardown.
#ifdef BUG_AGAIN_TO_THE_END
        done++;
        push(n)
#else
        atomic { done = done + 2; ran[n] = true }
#endif
     :: else -> done++
     fi;
     n = 0
  od
}

proctype worker() {
  byte seen, n, done, i, ticket;
  bool awaited;

again:
  STEP;
#ifdef BUG_MARKS_WITHOUT_THE_RIGHT_TO_RUN
  // Between the end of this run and the mark a helper may take a whole batch and leave the rest of
  // it: incoming is empty then, the batch is not.
  do
  :: begin_run(WORKER);
     run_some(AT_A_TIME);
     end_run();
     if
     :: done < AT_A_TIME -> break
     :: else
     fi
  od;
  done = 0;
  if
  :: life == STOPPING -> goto stops
  :: else
  fi;
  ticket = wakeups;
  atomic {
    if
    :: head == 0 -> head = ASLEEP
    :: head == ASLEEP
    :: else -> ticket = 0; goto again
    fi
  }
#else
  begin_run(WORKER);
  run_some(AT_A_TIME);
  if
  :: done >= AT_A_TIME -> seen = 1  // there may be more
  :: else ->
#ifdef BUG_MARK_BY_A_STORE
     head = ASLEEP;
#else
     atomic {
       if
       :: head == 0 -> head = ASLEEP
       :: head == ASLEEP
       :: else -> seen = 1  // something was pushed
       fi
     }
#endif
  fi;
  end_run();
  if
  :: life == STOPPING && done < AT_A_TIME -> goto stops
  :: else
  fi;
  if
  :: seen == 1 -> atomic { seen = 0; done = 0; ticket = 0; goto again }
  :: else
  fi;
  ticket = wakeups;
#endif
  done = 0;
  do
  :: head != ASLEEP || life == STOPPING -> ticket = 0; goto again
  :: else ->
#ifdef BUG_TICKET_AFTER_THE_LOOK
     ticket = wakeups;
#endif
     atomic {
       if
       :: wakeups == ticket -> parked_on_wakeups = true
       :: else
       fi
     }
end_sleeps:
     !parked_on_wakeups;
     ticket = wakeups
  od;

stops:
  life = SHUT_DOWN;
#ifndef BUG_NO_LAST_LOOK
  do
  :: begin_run(WORKER);
     run_some(AT_A_TIME);
     end_run();
     if
     :: done < AT_A_TIME -> break
     :: else
     fi
  od;
#endif
  parked_on_life = false
}

proctype pusher(byte mine) {
  byte seen, i;
  push(mine)
}

proctype helper() {
  byte seen, n, done, i, times = HELPS;
  bool awaited;
  do
  :: times == 0 -> break
  :: else ->
     times--;
     begin_run(HELPER);
     run_some(1);
     end_run();
     done = 0
  od
}

proctype flusher(byte me; byte mine; bool stops) {
  byte seen, n, done, i;
  bool awaited;

  push(mine);
  do
  :: passed[mine] -> break
  :: else ->
     if
     :: life == SHUT_DOWN ->
        begin_run(me);
        run_some(AT_A_TIME);
        end_run();
        done = 0
     :: else ->
        atomic {
          if
          :: !passed[mine] -> parked_on_barrier[mine] = true
          :: else
          fi
        }
        !parked_on_barrier[mine]
     fi
  od;
  flushed++;
  if
  :: stops ->
     life = STOPPING;
     wake();
     atomic {
       if
       :: life == STOPPING -> parked_on_life = true
       :: else
       fi
     }
     !parked_on_life;
     assert(life == SHUT_DOWN)
  :: else
  fi
}

init {
  byte i;
  atomic {
    run worker();
    for (i : 1 .. PUSHERS) {
      run pusher(i)
    }
#if HELPS > 0
    run helper();
#endif
#if FLUSHERS > 0
    for (i : 1 .. FLUSHERS) {
      run flusher(FLUSHER + i - 1, PUSHERS + i, (SHUTDOWN == 1 && i == 1))
    }
#endif
    i = 0
  }
  timeout ->
  assert(flushed == FLUSHERS);
  atomic {
    for (i : 1 .. PUSHERS) {
      assert(ran[i] || life == SHUT_DOWN)
    }
  }
}
