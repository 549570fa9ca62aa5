# SPDX-License-Identifier: Apache-2.0
"""Instructions as objdump prints them."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from measure.code_size import instructions_by_function

LISTING = """
drop.o:     file format elf64-x86-64

Disassembly of section .text:

0000000000000000 <drop>:
   0:\tmov    (%rdi),%rax
   3:\ttest   %rax,%rax
   6:\tje     c <drop+0xc>
   8:\tlock subq $0x1,(%rax)
   c:\tret
   d:\tnopl   (%rax)
  10:\tcs nopw 0x0(%rax,%rax,1)
  1a:\tdata16 cs nopw 0x0(%rax,%rax,1)
  25:\txchg   %ax,%ax

0000000000000020 <copy>:
  20:\tmov    (%rdi),%rax
  23:\tret

Disassembly of section .text.unlikely:

0000000000000000 <drop.cold>:
   0:\tcall   5 <drop.cold+0x5>
"""


class Disassembly(unittest.TestCase):
    def test_each_function_alone_without_padding_and_without_its_cold_part(self):
        counts = instructions_by_function(LISTING)
        self.assertEqual((counts["drop"], counts["copy"]), (5, 2))
        self.assertEqual(counts["drop.cold"], 1)

    def test_nothing_is_no_function(self):
        self.assertEqual(instructions_by_function(""), {})


if __name__ == "__main__":
    unittest.main()
