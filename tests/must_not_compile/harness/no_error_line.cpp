// SPDX-License-Identifier: Apache-2.0
// Refused, but it does not say why.
#ifndef TREFOIL_VALID
#error Cinderella
#endif
