// SPDX-License-Identifier: Apache-2.0
//
// Deferral through the one node that each object embeds: last references are dropped at levels that
// do not allow the teardown, a queue (push-only, take-all) keeps the objects, a worker at level
// process and a poller at level atomic run them. Tier 0 needs `process`, tier 1 `atomic`, tier 2
// nothing: so the poller has to defer tier 0 again, and one node serves several teardowns in turn.
//
// What is checked, for two objects in one queue:
//   - no node is ever in two lists, or in one list twice;
//   - nobody touches a node or an object after it was freed, nor reads a link that is not his;
//   - each tier is torn down once, outermost first, held by nobody, at a level that allows it;
//   - at last both objects are freed (after `timeout`).
//
// One step is one access, in a sequentially consistent memory.

#ifndef POLLS
#define POLLS 2
#endif
#ifndef DROPPERS
#define DROPPERS 2  // of the first object; the second has one
#endif

#define OBJECTS 2
#define DEAD 8
#define OWNED 4
#define ANY 0
#define ATOMIC 1
#define PROCESS 2
#define NEEDED(k) (2 - k)

typedef object {
  byte c[3];
  byte next;  // the node: link, and the tier whose teardown is to be run
  byte resume;
  // Known to the checker alone.
  byte torn;
  byte held[3];
  bool listed;
  bool freed
}
object o[OBJECTS + 1];  // 0 is the null address
byte head;
byte batch;
bool running;  // the right to run

#define IN_UNIQUE(k, i) (i >= k -> DEAD + 1 : DEAD)
#define IS_UNIQUE(x, k) \
  (o[x].c[0] == IN_UNIQUE(k, 0) && o[x].c[1] == IN_UNIQUE(k, 1) && o[x].c[2] == IN_UNIQUE(k, 2))
#define IN_EXCLUSIVE(n, i) (i < n -> DEAD : OWNED)
#define IS_EXCLUSIVE(x, n) \
  (o[x].c[0] == IN_EXCLUSIVE(n, 0) && o[x].c[1] == IN_EXCLUSIVE(n, 1) && \
   o[x].c[2] == IN_EXCLUSIVE(n, 2))
#define CLOSE(x, k) \
  atomic { \
    TOUCH(x); \
    o[x].c[0] = DEAD; \
    o[x].c[1] = IN_EXCLUSIVE(k + 1, 1); \
    o[x].c[2] = IN_EXCLUSIVE(k + 1, 2) \
  }
#define TOUCH(x) assert(!o[x].freed)
#define STEP skip

inline push(x, seen) {
  seen = head;
  do
  :: atomic {
       TOUCH(x);
       assert(!o[x].listed);
       o[x].next = seen;
       if
       :: head == seen -> head = x; o[x].listed = true; seen = 0; break
       :: else -> seen = head
       fi
     }
  od
}

// Gives up the collective reference to tier k: `mine` if k is dead now and the caller's.
inline put_collective(x, k, mine) {
  atomic { TOUCH(x); mine = IS_EXCLUSIVE(x, k) }
  STEP;
  if
  :: mine -> CLOSE(x, k)
  :: else ->
     atomic { TOUCH(x); mine = IS_UNIQUE(x, k) }
     STEP;
     if
     :: mine -> CLOSE(x, k)
     :: else ->
        atomic {
          TOUCH(x);
          assert(o[x].c[k] > DEAD);
          mine = (o[x].c[k] == DEAD + 1);
          o[x].c[k] = o[x].c[k] - 1
        }
     fi
  fi
}

// Tier k is dead and the caller's. Tears it down, and what is inside it, as far as the level allows.
inline cascade(x, k, level, mine, seen) {
  mine = true;
  do
  :: !mine -> break
  :: else ->
     if
#ifndef BUG_RUNS_WHAT_IS_FORBIDDEN
     :: level < NEEDED(k) ->
        atomic { TOUCH(x); o[x].resume = k }
#ifdef BUG_COLLECTIVE_GIVEN_UP_EARLY
        push(x, seen);
        // Before the teardown has run: the tier inside may now die while the node is in use.
        if
        :: k < 2 ->
           atomic { k++ }
           put_collective(x, k, mine)
        :: else -> break
        fi
#else
        push(x, seen);
        break
#endif
#endif
     :: else ->
        atomic {
          TOUCH(x);
          assert(level >= NEEDED(k));
          assert(o[x].torn == k && !o[x].listed);
          assert(o[x].held[0] == 0 && (k < 1 || o[x].held[1] == 0) && (k < 2 || o[x].held[2] == 0));
          o[x].torn = k + 1;
          k++
        }
        if
        :: k == 3 ->
           atomic { TOUCH(x); o[x].freed = true; o[x].next = 0; break }
        :: else -> put_collective(x, k, mine)
        fi
     fi
  od;
  mine = false
}

proctype dropper(byte x, k, level) {
  byte seen;
  bool mine;
  atomic { TOUCH(x); mine = IS_UNIQUE(x, k) }
  STEP;
  if
  :: mine ->
     o[x].held[k] = o[x].held[k] - 1;
     CLOSE(x, k)
  :: else ->
     atomic {
       TOUCH(x);
       assert(o[x].c[k] > DEAD);
       mine = (o[x].c[k] == DEAD + 1);
       o[x].c[k] = o[x].c[k] - 1;
       o[x].held[k] = o[x].held[k] - 1
     }
  fi;
  if
  :: mine -> cascade(x, k, level, mine, seen)
  :: else
  fi
}

// One run: the worker's, or the poller's, which takes one batch at most.
inline run_queue(level) {
  if
  :: batch == 0 ->
     atomic { n = head; head = 0 }
     atomic {
       do
       :: n == 0 -> break
       :: else -> seen = o[n].next; o[n].next = batch; batch = n; n = seen
       od;
       seen = 0
     }
  :: else
  fi;
  do
  :: batch == 0 -> break
  :: else ->
     atomic {
       n = batch;
       TOUCH(n);
       assert(o[n].listed);
       o[n].listed = false;
       k = o[n].resume
#ifndef BUG_LINK_READ_AFTER_RUN
       ;
       batch = o[n].next
#endif
     }
     STEP;
     cascade(n, k, level, mine, seen);
#ifdef BUG_LINK_READ_AFTER_RUN
     atomic { TOUCH(n); batch = o[n].next }
#endif
     atomic { n = 0; k = 0 }
  od
}

proctype worker() {
  byte n, k, seen;
  bool mine;
end_idle:
  do
  :: atomic { !running && (head != 0 || batch != 0) -> running = true }
     run_queue(PROCESS);
     running = false
  od
}

proctype poller() {
  byte n, k, seen, left = POLLS;
  bool mine;
end_idle:
  do
  :: left == 0 -> break
  :: atomic { left > 0 && !running && (head != 0 || batch != 0) -> running = true; left-- }
     run_queue(ATOMIC);
     running = false
  od
}

init {
  byte i, k, level;
  atomic {
    for (i : 1 .. OBJECTS) {
      o[i].c[0] = DEAD + 1; o[i].c[1] = DEAD + 1; o[i].c[2] = DEAD + 1;
      o[i].held[0] = 1;
      select(level : 0 .. 2);
      run dropper(i, 0, level)
    }
    // The others of the first object hold any tier.
    for (i : 2 .. DROPPERS) {
      select(level : 0 .. 2);
      select(k : 0 .. 2);
      o[1].c[k] = o[1].c[k] + 1;
      o[1].held[k] = o[1].held[k] + 1;
      run dropper(1, k, level)
    }
    run worker();
    run poller();
    i = 0; k = 0; level = 0
  }
  timeout -> assert(o[1].freed && o[2].freed)
}
