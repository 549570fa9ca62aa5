// SPDX-License-Identifier: Apache-2.0
//
// Findable objects: found without a reference, in a slot of memory that keeps its type and is used
// again for the next object. Finders acquire by compare-exchange and recheck the key; the unique
// owner closes all tiers by one compare-exchange before he tears anything down.
//
// What is checked, over GENERATIONS objects that live in one slot one after the other:
//   - a finder who keeps what he got has a constructed, living tier of the object he looked for;
//   - nobody reads the key while its maker writes it;
//   - each tier of each object is torn down exactly once, outermost first, and held by nobody;
//   - the slot is not given back, nor used again, while somebody has a reference;
//   - at last every object was torn down (after `timeout`).
//
// Three tiers, one slot. One step is one access, in a sequentially consistent memory.

#ifndef FINDERS
#define FINDERS 2
#endif
#ifndef GENERATIONS
#define GENERATIONS 2
#endif

#define DEAD 8
#define OWNED 4

byte c[3] = DEAD;  // constructed once per slot, closed
byte key;          // of the object in the slot; TORN_KEY while it is being written
#define TORN_KEY 9

// Known to the checker alone.
byte generation;          // the object that lives, or lived last, in the slot
bool alive[3];
byte torn;                // tiers torn down so far
byte held[3];
bool slot_free = true;

#define IN_UNIQUE(k, i) (i >= k -> DEAD + 1 : DEAD)
#define IS_UNIQUE(k) \
  (c[0] == IN_UNIQUE(k, 0) && c[1] == IN_UNIQUE(k, 1) && c[2] == IN_UNIQUE(k, 2))
#define IN_EXCLUSIVE(n, i) (i < n -> DEAD : OWNED)
#define IS_EXCLUSIVE(n) \
  (c[0] == IN_EXCLUSIVE(n, 0) && c[1] == IN_EXCLUSIVE(n, 1) && c[2] == IN_EXCLUSIVE(n, 2))

#define SET_EXCLUSIVE(n) \
  c[0] = IN_EXCLUSIVE(n, 0); c[1] = IN_EXCLUSIVE(n, 1); c[2] = IN_EXCLUSIVE(n, 2)
#define LOAD_WORD w[0] = c[0]; w[1] = c[1]; w[2] = c[2]
#define WORD_UNCHANGED (w[0] == c[0] && w[1] == c[1] && w[2] == c[2])

// Between two accesses: jumps from one atomic sequence to another would make one step of both.
#define STEP skip

// The unique owner's look at tier k, and his closing of it: `unique` says whether it is his.
inline close_if_unique(k) {
  atomic {
    LOAD_WORD;
    unique = IS_UNIQUE(k)
  }
  STEP;
  if
  :: !unique -> skip
  :: else ->
#ifdef BUG_CLOSE_WITHOUT_CAS
     atomic { SET_EXCLUSIVE(k + 1) }
#else
     atomic {
       if
       :: WORD_UNCHANGED -> SET_EXCLUSIVE(k + 1)
       :: else -> unique = false
       fi
     }
#endif
  fi;
  w[0] = 0; w[1] = 0; w[2] = 0
}

// Gives a reference to tier k back and does all that follows from it.
inline drop_reference() {
  close_if_unique(k);
  if
  :: unique -> held[k]--
  :: else ->
     atomic {
       last = (c[k] == DEAD + 1);
       assert(c[k] > DEAD);
       c[k]--;
       held[k]--
     }
  fi;
  do
  :: !unique && !last -> break
  :: else ->
     last = false;
     atomic {
       assert(alive[k] && torn == k);
       assert(held[0] == 0 && (k < 1 || held[1] == 0) && (k < 2 || held[2] == 0));
       alive[k] = false
     }
     STEP;
     atomic { torn++; k++ }
     if
     :: k == 3 ->
        atomic { assert(!slot_free); slot_free = true }
        break
     :: else
     fi;
     // The collective reference to the next tier.
     atomic { unique = IS_EXCLUSIVE(k) }
     STEP;
     if
     :: unique -> atomic { SET_EXCLUSIVE(k + 1) }
     :: else ->
        close_if_unique(k);
        if
        :: unique
        :: else -> atomic { last = (c[k] == DEAD + 1); assert(c[k] > DEAD); c[k]-- }
        fi
     fi
  od;
  atomic { unique = false; last = false; k = 0 }
}

proctype maker() {
  byte w[3];
  byte k;
  bool unique, last;

  do
  :: generation < GENERATIONS && slot_free ->
     slot_free = false;
     // begin() of a new object: nothing can be had.
     atomic { SET_EXCLUSIVE(0) }
#ifndef BUG_KEY_AFTER_OPENING
     key = TORN_KEY;
     atomic { generation++; key = generation }
#else
     generation++;
#endif
#ifdef BUG_OPENS_BEFORE_CONSTRUCTION
     atomic { c[0] = DEAD + 1; c[1] = DEAD + 1; c[2] = DEAD + 1; held[0]++; torn = 0 }
#endif
     alive[2] = true;
     alive[1] = true;
     alive[0] = true;
#ifndef BUG_OPENS_BEFORE_CONSTRUCTION
     // finish(): the owned fields become counted ones by one addition.
     atomic {
       assert(IS_EXCLUSIVE(0));
       c[0] = DEAD + 1; c[1] = DEAD + 1; c[2] = DEAD + 1;
       held[0]++;
       torn = 0
     }
#endif
#ifdef BUG_KEY_AFTER_OPENING
     key = TORN_KEY;
     key = generation;
#endif
     STEP;
     k = 0;
     drop_reference()
  :: generation == GENERATIONS -> break
  od
}

proctype finder(byte wanted; byte k_first) {
  byte w[3];
  byte k;
  bool unique, last, got;

  k = k_first;
#ifdef BUG_KEY_READ_BEFORE_ACQUIRE
  if
  :: key != wanted -> goto over
  :: else
  fi;
#endif
  atomic { LOAD_WORD }
  do
  :: w[k] <= DEAD -> break
  :: else ->
     atomic {
       if
       :: WORD_UNCHANGED -> c[k]++; held[k]++; got = true; break
       :: else -> LOAD_WORD
       fi
     }
  od;
  if
  :: !got -> goto over
  :: else
  fi;
  // Whatever it is, it is alive as long as we have it.
  atomic { assert(alive[k] && alive[2]); w[0] = 0; w[1] = 0; w[2] = 0 }
#if !defined(BUG_NO_KEY_RECHECK) && !defined(BUG_KEY_READ_BEFORE_ACQUIRE)
  atomic {
    assert(key != TORN_KEY);
    got = (key == wanted)
  }
#endif
  STEP;
  if
  :: got ->
     // It is what we looked for, and stays so.
     atomic { assert(generation == wanted && alive[k] && alive[2]) }
  :: else
  fi;
  drop_reference();

over:
  skip
}

init {
  byte i, k, wanted;
  atomic {
    run maker();
    for (i : 1 .. FINDERS) {
      // Any tier; an object that is, was, or is yet to come.
      select(k : 0 .. 2);
      select(wanted : 1 .. GENERATIONS);
      run finder(wanted, k)
    }
    i = 0; k = 0; wanted = 0
  }
  timeout -> assert(generation == GENERATIONS && torn == 3 && slot_free)
}
