// SPDX-License-Identifier: Apache-2.0
// Refused as stated, each compiler in its own words, and in a body that only an instantiation
// reaches (a harness that stops after parsing would not see it).
// error: a shoe; in size \[36\]
// error(gcc): static assertion failed
// error(clang): static_assert failed
template <class T>
void try_on() {
  static_assert(sizeof(T) == 1, "a shoe; in size [36]");
}

#ifdef TREFOIL_VALID
void ball() { try_on<char>(); }
#else
void ball() { try_on<long>(); }
#endif
