// SPDX-License-Identifier: Apache-2.0
// A line that would otherwise be overlooked.
// error (gcc): Cinderella
// error: Cinderella
#ifndef TREFOIL_VALID
#error Cinderella
#endif
