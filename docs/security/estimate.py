#!/usr/bin/env python3
"""Estimates the attacks on what the served parameter set publishes.

Needs Sage and the lattice-estimator (github.com/malb/lattice-estimator), neither of which is
part of this repository:

    python3 -m venv sage && sage/bin/pip install passagemath-standard
    git clone https://github.com/malb/lattice-estimator && git -C lattice-estimator checkout 27a581b
    sage/bin/python docs/security/estimate.py lattice-estimator > estimates.txt

Every cell runs in a process of its own, because some attacks take hours: one that is not done in
time is said to be "not computed". The attacks on a sparse secret that guess none of it need block
sizes beyond the estimator's limit (1754, which is 512 bits of core-SVP): their cost is "inf".
"""

import argparse
import math
import multiprocessing
import os
import subprocess
import sys
import time

# Name, dimension, log2 of the largest modulus published under the secret, its kind (or the weight of
# a sparse one), standard deviation of the errors. The last two are those of exact answers: errors
# uniform up to 2^17 and 2^45.
SECRETS = [
    ("dense", 2**15, 820.1, "uniform ternary", 3.19),
    ("sparse-28", 2**15, 56.5, 28, 3.19),
    ("sparse-32", 2**15, 56.5, 32, 3.19),
    ("exact-ring", 2048, 64, "uniform binary", 2**17 / 3**0.5),
    ("exact-lwe", 918, 64, "uniform binary", 2**45 / 3**0.5),
]

# What an attack's lattice reduction is taken to cost. "core-SVP" counts one call of the oracle and
# nothing else: no algorithm is known that reaches it.
MODELS = {
    "MATZOV": ("classical", lambda rc: rc.MATZOV),
    "BDGL16": ("classical", lambda rc: rc.BDGL16),
    "LaaMosPol14": ("quantum", lambda rc: rc.LaaMosPol14),
    "ChaLoy21": ("quantum, core-SVP", lambda rc: rc.ChaLoy21),
    "ADPS16q": ("quantum, core-SVP", lambda rc: type(rc.ADPS16)(mode="quantum")),
}

ATTACKS = {
    "uSVP": lambda lwe, p, model: lwe.primal_usvp(p, red_cost_model=model),
    "BDD": lambda lwe, p, model: lwe.primal_bdd(p, red_cost_model=model),
    "dual": lambda lwe, p, model: lwe.dual(p, red_cost_model=model),
    "dual hybrid": lambda lwe, p, model: lwe.dual_hybrid(p, red_cost_model=model),
    # Lattice reduction, and meeting in the middle over the rest of the secret.
    "primal hybrid": lambda lwe, p, model: lwe.primal_hybrid(
        p, mitm=True, babai=True, red_cost_model=model
    ),
    # The same with a search in the last block instead of rounding: the estimator's authors call it
    # too optimistic for the attacker. The table of crates/ckks/src/security.rs takes it.
    "hybrid+search": lambda lwe, p, model: lwe.primal_hybrid(
        p, mitm=True, babai=False, red_cost_model=model
    ),
}


def cell(secret, attack, model):
    """The cost of one attack on one secret under one model of reduction."""
    from estimator import LWE, ND
    from estimator.reduction import RC
    from sage.all import RR, ZZ

    _, n, log_q, kind, deviation = secret
    if kind == "uniform ternary":
        distribution = ND.Uniform(-1, 1)
    elif kind == "uniform binary":
        distribution = ND.Uniform(0, 1)
    else:
        # As many of one sign as of the other is the likeliest, and all signs cost about the same.
        distribution = ND.SparseTernary(kind // 2, kind - kind // 2, n=n)
    params = LWE.Parameters(
        n=n, q=ZZ((RR(2) ** log_q).round()), Xs=distribution, Xe=ND.DiscreteGaussian(deviation)
    )
    cost = ATTACKS[attack](LWE, params, MODELS[model][1](RC))
    rest = ", ".join(f"{key}: {value}" for key, value in cost.items() if key in ("beta", "zeta", "d"))
    return math.log2(cost["rop"]) if cost["rop"] != float("inf") else math.inf, rest


def work(secret, attack, model, pipe):
    os.dup2(2, 1)  # The estimator prints: only the table may reach the standard output.
    try:
        pipe.send(cell(secret, attack, model))
    except Exception as error:  # A cell that fails is a line of the table, not its end.
        pipe.send((None, f"{type(error).__name__}: {error}"))


def timed(secret, attack, model, seconds):
    here, there = multiprocessing.Pipe(False)
    process = multiprocessing.Process(target=work, args=(secret, attack, model, there))
    start = time.monotonic()
    process.start()
    there.close()
    try:
        answer = here.recv() if here.poll(seconds) else (None, f"stopped after {seconds} s")
    except EOFError:
        answer = (None, "died")
    process.kill()
    process.join()
    return *answer, time.monotonic() - start


def head(folder):
    from sage.version import version

    commit = subprocess.run(
        ["git", "-C", folder, "log", "-1", "--format=%H of %cs"], capture_output=True, text=True
    ).stdout.strip()
    print(f"lattice-estimator {commit}, Sage {version}, Python {sys.version.split()[0]}")
    print("unlimited samples; log2 of operations")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("estimator", help="folder of the lattice-estimator")
    arguments.add_argument("--seconds", type=int, default=600, help="for one cell")
    arguments.add_argument("--secret", choices=[name for name, *_ in SECRETS])
    arguments.add_argument("--attack", choices=list(ATTACKS), nargs="*", default=list(ATTACKS))
    arguments.add_argument("--model", choices=list(MODELS), nargs="*", default=list(MODELS))
    arguments = arguments.parse_args()
    sys.path.insert(0, arguments.estimator)
    import sage.all  # noqa: F401  Once, and not in every process.

    head(arguments.estimator)
    for secret in SECRETS:
        name, n, log_q, kind, deviation = secret
        if arguments.secret not in (None, name):
            continue
        kind = kind if isinstance(kind, str) else f"ternary of weight {kind}"
        print(f"\n{name}: {kind}, n = {n}, log2 q = {log_q}, errors of deviation {deviation:.4g}")
        for attack in ATTACKS:
            if attack not in arguments.attack:
                continue
            for model, (kind, _) in MODELS.items():
                if model not in arguments.model:
                    continue
                bits, note, took = timed(secret, attack, model, arguments.seconds)
                figure = "not computed" if bits is None else f"{bits:.1f}"
                print(f"{attack:13} | {model:11} | {kind:17} | {figure:>12} | {took:5.0f} s | {note}")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
