// SPDX-License-Identifier: Apache-2.0
//
// Three tiers, their counts in one word: get, put, promote, demote, the unique owner's path, and
// references minted by a teardown. Every teardown runs inline here; deferral is in one_node.pml.
//
// What is checked:
//   - each tier is torn down exactly once, outermost first, and never while somebody holds it;
//   - a promote that succeeds found its tier alive;
//   - nobody touches the object after it was freed;
//   - the object is freed at last (a leak, or a deadlock, fails the assertion after `timeout`).
//
// One step of a process is one access to the word: the search interleaves accesses, in a
// sequentially consistent memory. What relaxed orders add is not seen here.
//
// Planted bugs, one at a time: the names that begin with BUG_ below.

#ifndef ACTORS
#define ACTORS 3
#endif
#ifndef OPS
#define OPS 3  // operations besides the drops, by all actors together, in any distribution
#endif

#ifndef MINTS
#define MINTS 1  // references that teardowns mint
#endif

// The biased field: zero is DEAD, so that one subtraction too many shows as a value below it.
#define DEAD 8
#define OWNED 4

byte c[3];  // the word; tier 0 is the outermost

#ifdef BUG_NO_COLLECTIVE
#define COLLECTIVE 0
#else
#define COLLECTIVE 1
#endif

// Tiers outside k dead, the others at their collective minimum.
#define IN_UNIQUE(k, i) (i >= k -> DEAD + 1 : DEAD)
#define IS_UNIQUE(k) \
  (c[0] == IN_UNIQUE(k, 0) && c[1] == IN_UNIQUE(k, 1) && c[2] == IN_UNIQUE(k, 2))
// Tiers outside n dead, the others owned without a count.
#define IN_EXCLUSIVE(n, i) (i < n -> DEAD : OWNED)
#define IS_EXCLUSIVE(n) \
  (c[0] == IN_EXCLUSIVE(n, 0) && c[1] == IN_EXCLUSIVE(n, 1) && c[2] == IN_EXCLUSIVE(n, 2))

// Known to the checker alone.
bool dying[3];  // its teardown has begun
bool torn[3];   // its teardown has ended
bool freed;
byte held[3];   // references that somebody has
byte mints_left = MINTS;
byte ops_left = OPS;
chan minted = [1] of { byte };  // from a teardown to whoever it gave the reference to

#define TOUCH assert(!freed)
#define TAKE(k) \
  assert(!dying[k]); held[k]++

#ifdef BUG_LOOKS_AT_ITS_OWN_TIER
#define LOOKS_UNIQUE(k) (c[k] == DEAD + 1)
#else
#define LOOKS_UNIQUE(k) IS_UNIQUE(k)
#endif

// A plain store of the whole word: what others had added in between would be lost.
#define CLOSE(k) \
  atomic { \
    TOUCH; \
    c[0] = DEAD; \
    c[1] = IN_EXCLUSIVE(k + 1, 1); \
    c[2] = IN_EXCLUSIVE(k + 1, 2) \
  }

#define LOAD_WORD \
  TOUCH; w[0] = c[0]; w[1] = c[1]; w[2] = c[2]

// A jump from one atomic sequence to the beginning of another would make one step of both: between
// two accesses to the word there is always one of these.
#define STEP skip

#define WORD_UNCHANGED (w[0] == c[0] && w[1] == c[1] && w[2] == c[2])

proctype actor(byte first) {
  byte mine[3];
  byte w[3];
  byte k, j, old;
  bool is_sweep;

  if
  :: first < 3 -> mine[first] = 1
  :: else -> end_waiting: minted ? j; mine[j] = 1
  fi;

choose:
  STEP;
  atomic {
    // What is no longer needed is cleared, so that equal states look equal to the search.
    w[0] = 0; w[1] = 0; w[2] = 0; j = 0; old = 0;
    if
    :: mine[0] > 0 -> k = 0
    :: mine[1] > 0 -> k = 1
    :: mine[2] > 0 -> k = 2
    :: else -> k = 0; goto over
    fi;
    if
    :: goto drop
    :: ops_left > 0 ->
       ops_left--;
       if
       :: mine[k] < 2 -> j = k; goto share
       :: k < 2 && mine[k + 1] < 2 -> j = k + 1; goto share
       :: k == 0 && mine[2] < 2 -> j = 2; goto share
       :: k > 0 -> j = k - 1; goto promote
       :: k == 2 -> j = 0; goto promote
       :: k < 2 -> j = k + 1; goto demote
       :: k == 0 -> j = 2; goto demote
       fi
    fi
  }

share:
  atomic {
    TOUCH;
    assert(c[j] > DEAD);
    c[j]++;
    mine[j]++;
    TAKE(j);
    goto choose
  }

promote:
#ifdef BUG_SPECULATIVE
  // Adds first, looks afterwards, and undoes it if the tier was gone.
  atomic {
    TOUCH;
    c[j]++;
    if
    :: c[j] > DEAD + 1 -> mine[j]++; TAKE(j); goto choose
    :: else
    fi
  }
  STEP;
  atomic { TOUCH; c[j]--; goto choose }
#else
  atomic {
    LOAD_WORD;
promote_again:
    if
    :: w[j] <= DEAD -> goto choose
    :: else
    fi
  }
  STEP;
  atomic {
    TOUCH;
    if
#ifdef BUG_CHECK_THEN_INCREMENT
    :: true -> c[j]++; mine[j]++; TAKE(j); goto choose
#else
    :: WORD_UNCHANGED -> c[j]++; mine[j]++; TAKE(j); goto choose
    :: else -> LOAD_WORD; goto promote_again
#endif
    fi
  }
#endif

demote:
#ifdef BUG_TWO_STEP_DEMOTE
  // Gives the outer reference up before it has the inner one.
  atomic { TOUCH; old = c[k]; c[k]--; mine[k]--; held[k]-- }
  STEP;
  atomic { TOUCH; c[j]++; mine[j]++; TAKE(j); goto dropped }
#else
  atomic {
    TOUCH;
    assert(c[j] > DEAD);
    old = c[k];
    c[k]--; mine[k]--; held[k]--;
    c[j]++; mine[j]++;
    TAKE(j);
    goto dropped
  }
#endif

drop:
#ifndef BUG_NO_COLLECTIVE
  atomic {
    TOUCH;
    if
    :: LOOKS_UNIQUE(k) -> mine[k]--; held[k]--; is_sweep = true; goto sweep
    :: else
    fi
  }
  STEP;
#endif
  atomic { TOUCH; old = c[k]; c[k]--; mine[k]--; held[k]-- }

dropped:
  atomic {
    assert(old > DEAD);
    if
    :: old == DEAD + 1 -> goto teardown
    :: else
    fi;
#ifndef BUG_TOUCH_AFTER_PUT
    goto choose
#endif
  }
  STEP;
  TOUCH;
  goto choose;

sweep:
  STEP;
#ifndef BUG_CLOSE_AFTER_TEARDOWN
  CLOSE(k);
#endif

teardown:  // of tier k; it is this actor's
  STEP;
  atomic {
    TOUCH;  // also the acquire load after a last put
    assert(!dying[k]);
    assert(k == 0 || torn[(k == 0 -> 0 : k - 1)]);
    assert(held[0] == 0 && (k < 1 || held[1] == 0) && (k < 2 || held[2] == 0));
    dying[k] = true;
    // It may give a reference to an inner tier to somebody else.
    if
    :: goto teardown_ends
    :: k == 0 && mints_left > 0 -> mints_left--; j = 1
    :: k < 2 && mints_left > 0 -> mints_left--; j = 2
    fi
  }
  STEP;
  atomic { LOAD_WORD }
mint_again:
  STEP;
  atomic {
    TOUCH;
    if
    :: WORD_UNCHANGED ->
       if
       :: c[j] == OWNED ->
          // The owner's collective references are counted from here on, and ours.
          c[j] = DEAD + 2;
          if
          :: j == 1 && c[2] == OWNED -> c[2] = DEAD + 1
          :: else
          fi
       :: else ->
          assert(c[j] > DEAD);  // an inner tier is alive as long as this teardown runs
          c[j]++
       fi;
       TAKE(j)
    :: else -> LOAD_WORD; goto mint_again
    fi
  }
  atomic { minted ! j; j = 0; w[0] = 0; w[1] = 0; w[2] = 0 }

teardown_ends:
  STEP;
#ifdef BUG_CLOSE_AFTER_TEARDOWN
  if
  :: is_sweep -> CLOSE(k)
  :: else
  fi;
#endif
  atomic {
    torn[k] = true;
    if
    :: k == 2 -> goto free_it
    :: else -> k++
    fi;
    if
    :: !is_sweep -> goto give_up
    :: else
    fi
  }
#ifdef BUG_NO_LOOK_AFTER_TEARDOWN
  goto sweep;
#else
  atomic {
    TOUCH;
    if
    :: IS_EXCLUSIVE(k) -> goto sweep
    :: else -> is_sweep = false
    fi
  }
#endif

give_up:  // the collective reference to tier k
  STEP;
#ifdef BUG_NO_COLLECTIVE
  if
  :: c[k] == DEAD -> goto teardown
  :: else -> goto choose
  fi;
#else
  atomic {
    TOUCH;
    if
    :: IS_EXCLUSIVE(k) -> goto close_it
    :: c[k] == OWNED -> goto close_this_tier
    :: else
    fi
  }
  STEP;
  atomic {
    TOUCH;
    if
    :: LOOKS_UNIQUE(k) -> goto close_it
    :: else
    fi
  }
  STEP;
  atomic { TOUCH; old = c[k]; c[k]--; goto dropped }
close_it:
  STEP;
  CLOSE(k);
  goto teardown;
close_this_tier:
  STEP;
  atomic { TOUCH; c[k] = c[k] + DEAD - OWNED; goto teardown }
#endif

free_it:
  STEP;
  atomic { TOUCH; assert(torn[0] && torn[1] && torn[2]); freed = true; is_sweep = false; k = 0; goto choose }

over:
  skip
}

init {
  byte f[ACTORS];
  byte i, tier, low;
  atomic {
    // One actor has all of it; the others begin with a reference to any tier. The actors are
    // alike, so one order of them shows everything.
    for (i : 1 .. ACTORS - 1) {
      select(tier : low .. 2);
      f[i] = tier;
      low = tier
    }
    c[0] = DEAD; c[1] = DEAD + COLLECTIVE; c[2] = DEAD + COLLECTIVE;
    for (i : 0 .. ACTORS - 1) {
      c[f[i]]++;
      held[f[i]]++;
      run actor(f[i])
    }
#if MINTS > 0
    for (i : 1 .. MINTS) {
      run actor(3)  // waits for a minted reference
    }
#endif
    for (i : 0 .. ACTORS - 1) {
      f[i] = 0
    }
    i = 0; tier = 0; low = 0
  }
  timeout -> assert(freed)
}
