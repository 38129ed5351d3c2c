#!/usr/bin/env python3
"""A rough cost of Meet-LWE (A. May, Crypto 2021, ePrint 2021/216) on a sparse ternary secret.

    python3 docs/security/meet_lwe.py > docs/security/meet_lwe.txt

The attack is combinatorial: it writes the secret as a sum of two vectors of about half its weight,
each again as such a sum, and so on, and keeps one of the many ways to write each sum (a
"representation") by asking for given values in some coordinates of A s. In it the modulus only
sets how many coordinates are asked for. So its cost is no function of the modulus that is
published, as long as that is large: a smaller one is no margin.

What is counted here: the sizes of the lists and the pairs that meet in each merge, after the
paper's Rep-1 (+1 and -1 may cancel), at the best depth and the best numbers of cancellations, with
factorials of real numbers between the whole ones. What is not: the cost of guessing coordinates of
the error, of an operation on a vector, and of memory, of which the attack needs as much as time.
All of that makes the figure too low. What makes it too high: Rep-2 of the same paper, and anything
newer, such as rotations of the secret (ePrint 2026/279) or lattice reduction in front of it.
"""

import itertools
import math


def log2_factorial(x):
    return math.lgamma(x + 1) / math.log(2)


def log2_ternary(n, weight):
    """Vectors of n coordinates with `weight` of +1 and as many of -1; with cancellations, real."""
    rest = n - 2 * weight
    return log2_factorial(n) - 2 * log2_factorial(weight) - log2_factorial(rest)


def log2_representations(n, above, cancelled):
    """Ways to write a vector with `above` of each sign as a sum, `cancelled` of each sign lost."""
    halves = log2_factorial(above) - 2 * log2_factorial(above / 2)
    return 2 * halves + log2_ternary(n - 2 * above, cancelled)


def cost(n, weight, cancelled):
    """log2 of the attack's time, with as many levels as there are numbers of cancellations."""
    of_a_sign = weight / 2
    lists, ways = [], []
    for lost in cancelled:
        ways.append(log2_representations(n, of_a_sign, lost))
        of_a_sign = of_a_sign / 2 + lost
        space = log2_ternary(n, of_a_sign)
        lists.append(space - ways[-1])
        # Ways of a lower level are constraints of the upper: there cannot be fewer.
        if len(ways) > 1 and ways[-1] > ways[-2]:
            return math.inf
    # The lowest lists are made by meeting in the middle of their whole space.
    time = max([space / 2, *lists])
    for above, (size, below) in zip(ways, zip(lists[1:], ways[1:])):
        time = max(time, 2 * size + below - above)
    return time


def best(n, weight, levels, step=0.25, most=12.0):
    """The least cost over numbers of cancellations, found on a grid that gets finer."""
    width = most / 4
    centre = [most / 2] * levels
    found = math.inf
    while width >= step / 4:
        moves = [[max(0.0, c + k * width) for k in (-2, -1, 0, 1, 2)] for c in centre]
        value, place = min((cost(n, weight, point), point) for point in itertools.product(*moves))
        if value < found:
            found, centre = value, list(place)
        else:
            width /= 2
    return found, centre


def log2_space(n, weight):
    """All vectors with `weight` entries of any sign."""
    choices = log2_factorial(n) - log2_factorial(weight) - log2_factorial(n - weight)
    return choices + weight


def main():
    n = 2**15
    for weight in (28, 32):
        space = log2_space(n, weight)
        print(f"N = 2^15, weight {weight}: 2^{space:.1f} secrets; rotations leave 2^{space - 16:.1f}")
        print(f"  meeting in the middle alone: {space / 2:.1f} bits")
        for levels in (1, 2, 3, 4):
            bits, cancelled = best(n, weight, levels)
            lost = ", ".join(f"{c:.2f}" for c in cancelled)
            print(f"  Meet-LWE with {levels} levels: {bits:.1f} bits (cancelled of each sign: {lost})")


if __name__ == "__main__":
    main()
