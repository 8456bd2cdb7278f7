# SPDX-License-Identifier: MIT
"""`import pitviper.auto` instruments this process: what is imported already, and what will be."""
import pitviper

pitviper.enable()
