"""Writes reference.json beside this file: trajectories and rates computed by PyTorch 1.13 in float64.

    python3 reference.py && npx biome format --write reference.json

Float64 is the default dtype, so that what ASGD and NAdam keep in lone tensors has it, too.
What that version lacks or has wrong is said where it is mended.
"""
import inspect
import json
import os
import textwrap

import torch
from torch.optim import lr_scheduler, nadam, swa_utils

torch.set_default_dtype(torch.float64)

# Πₜ₊₁ of 1.13 has one factor μₜ too many; mended in 2.0 (pytorch/pytorch#92699).
source = textwrap.dedent(inspect.getsource(nadam._single_tensor_nadam))
wrong = "mu_product * mu * mu_next"
if wrong in source:
    exec(source.replace(wrong, "mu_product * mu_next"), nadam.__dict__)

START = [[[0.7, -1.1], [0.3, 1.6]], [-0.4, 0.9]]
SHIFT = [[[0.2, -0.3], [0.05, 0.4]], [-0.1, 0.6]]
KEPT = [1, 2, 5, 10]


def slope(p, shift):
    return p ** 3 - 0.5 * p + shift


def trajectory(name, options):
    options = dict(options)
    params = [torch.tensor(p, requires_grad=True) for p in START]
    shifts = [torch.tensor(s) for s in SHIFT]
    # Options that 1.13 lacks: decoupled decay shrinks first, maximize turns the gradient.
    shrink = 1.0
    if options.pop("decoupled_weight_decay", False):
        shrink = 1 - options["lr"] * options.pop("weight_decay")
    sign = -1 if name in ("NAdam", "RAdam") and options.pop("maximize", False) else 1
    optimizer = getattr(torch.optim, name)(params, **options)
    after = []
    for step in range(1, max(KEPT) + 1):
        for k, (p, s) in enumerate(zip(params, shifts)):
            # The second parameter has no gradient in step 3.
            p.grad = None if (k == 1 and step == 3) else sign * slope(p.detach(), s)
            if p.grad is not None and shrink != 1:
                p.data.mul_(shrink)
        optimizer.step()
        if step in KEPT:
            after.append([x for p in params for x in p.detach().flatten().tolist()])
    return after


def valley(params):
    x = torch.cat([p.flatten() for p in params])
    return (10 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def lbfgs(options, steps=4):
    params = [torch.tensor(p, requires_grad=True) for p in START]
    optimizer = torch.optim.LBFGS(params, **options)
    losses, after = [], []

    def closure():
        optimizer.zero_grad()
        loss = valley(params)
        loss.backward()
        return loss

    for _ in range(steps):
        losses.append(optimizer.step(closure).item())
        after.append([x for p in params for x in p.detach().flatten().tolist()])
    state = optimizer.state[params[0]]
    return {"losses": losses, "after": after, "evaluations": state["func_evals"], "iterations": state["n_iter"]}


def rates(make, steps, momentum=None):
    w = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": [w[0]], "lr": 0.1}, {"params": [w[1]], "lr": 0.02}]
    optimizer = torch.optim.Adam(groups) if momentum == "betas" else torch.optim.SGD(groups, lr=1, momentum=0.9)
    scheduler = make(optimizer)
    rows = []
    for _ in range(steps):
        row = [group["lr"] for group in optimizer.param_groups]
        if momentum:
            group = optimizer.param_groups[0]
            row.append(group["betas"][0] if momentum == "betas" else group["momentum"])
        rows.append(row)
        optimizer.step()
        scheduler.step()
    return rows


OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.02, "momentum": 0.5, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.2, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.3, "eps": 1e-3}),
    ("Adagrad", {"lr": 0.1, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.7, "rho": 0.6, "eps": 1e-3, "weight_decay": 0.1}),
    ("Adadelta", {"maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.8, "eps": 1e-4, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.8, "centered": True}),
    ("RMSprop", {"lr": 0.02, "momentum": 0.7}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "centered": True, "momentum": 0.7, "weight_decay": 0.1, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-4, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "betas": [0.5, 0.6], "amsgrad": True}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "betas": [0.8, 0.95], "weight_decay": 0.3, "amsgrad": True}),
    ("AdamW", {"lr": 0.1, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.1, "betas": [0.8, 0.7], "eps": 1e-2, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "betas": [0.8, 0.95], "weight_decay": 0.1, "momentum_decay": 0.3}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("NAdam", {"lr": 0.1, "maximize": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.02, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.3, "etas": [0.4, 1.5], "step_sizes": [0.05, 0.5]}),
    ("Rprop", {"lr": 0.05, "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.2, "lambd": 0.1, "alpha": 0.6, "t0": 3, "weight_decay": 0.05}),
    ("ASGD", {"lr": 0.02, "t0": 0, "maximize": True}),
]

LBFGS = [
    {"max_iter": 4, "lr": 0.02},
    {"max_iter": 6, "lr": 0.1, "history_size": 3},
    {"max_iter": 5, "line_search_fn": "strong_wolfe"},
    {"max_iter": 8, "history_size": 2, "line_search_fn": "strong_wolfe"},
    {"max_iter": 20, "max_eval": 6, "lr": 3, "line_search_fn": "strong_wolfe"},
    {"tolerance_grad": 3.0, "line_search_fn": "strong_wolfe"},
    {"tolerance_change": 0.3, "line_search_fn": "strong_wolfe"},
]

s = lr_scheduler
SCHEDULES = {
    "StepLR 3 0.5": rates(lambda o: s.StepLR(o, 3, 0.5), 10),
    "MultiStepLR 2 5 5 0.3": rates(lambda o: s.MultiStepLR(o, [2, 5, 5], 0.3), 8),
    "ConstantLR": rates(lambda o: s.ConstantLR(o), 8),
    "LinearLR": rates(lambda o: s.LinearLR(o), 8),
    "LinearLR 1 0.2 4": rates(lambda o: s.LinearLR(o, 1.0, 0.2, 4), 8),
    "ExponentialLR 0.9": rates(lambda o: s.ExponentialLR(o, 0.9), 8),
    "PolynomialLR 5 1.7": rates(lambda o: s.PolynomialLR(o, 5, 1.7), 8),
    "LambdaLR": rates(lambda o: s.LambdaLR(o, lambda t: 1 / (1 + t)), 6),
    "CosineAnnealingLR 5 0.01": rates(lambda o: s.CosineAnnealingLR(o, 5, 0.01), 14),
    "CosineAnnealingWarmRestarts 3": rates(lambda o: s.CosineAnnealingWarmRestarts(o, 3), 8),
    "CosineAnnealingWarmRestarts 2 2 0.01": rates(lambda o: s.CosineAnnealingWarmRestarts(o, 2, 2, 0.01), 16),
    "OneCycleLR 10": rates(lambda o: s.OneCycleLR(o, [0.1, 0.02], total_steps=10), 10, "momentum"),
    "OneCycleLR 10 Adam": rates(lambda o: s.OneCycleLR(o, [0.1, 0.02], total_steps=10), 10, "betas"),
    "OneCycleLR 12 three phases": rates(
        lambda o: s.OneCycleLR(o, 0.5, total_steps=12, pct_start=0.25, anneal_strategy="linear", three_phase=True,
                               div_factor=10, final_div_factor=100, base_momentum=0.6, max_momentum=0.8), 12, "momentum"),
    "CyclicLR": rates(lambda o: s.CyclicLR(o, [0.1, 0.02], 0.5, step_size_up=3), 14, "momentum"),
    "CyclicLR triangular2": rates(
        lambda o: s.CyclicLR(o, 0.05, 0.5, step_size_up=2, step_size_down=3, mode="triangular2",
                             base_momentum=0.5, max_momentum=0.7), 14, "momentum"),
    "CyclicLR exp_range": rates(
        lambda o: s.CyclicLR(o, [0.1, 0.02], 0.5, step_size_up=2, mode="exp_range", gamma=0.9), 10, "momentum"),
    "CyclicLR scale_fn": rates(
        lambda o: s.CyclicLR(o, [0.1, 0.02], 0.5, step_size_up=2, scale_fn=lambda c: 1 / c, cycle_momentum=False), 10),
    "ChainedScheduler": rates(
        lambda o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)]), 8),
    "SequentialLR": rates(
        lambda o: s.SequentialLR(o, [s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9), s.StepLR(o, 2, 0.5)], [3, 6]), 12),
    "SWALR 4 cos": rates(lambda o: swa_utils.SWALR(o, 0.05, anneal_epochs=4), 7),
    "SWALR 3 linear": rates(lambda o: swa_utils.SWALR(o, 0.05, anneal_epochs=3, anneal_strategy="linear"), 6),
    "SWALR 0": rates(lambda o: swa_utils.SWALR(o, 0.05, anneal_epochs=0), 4),
}


def plateau(options, metrics):
    w = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [w[0]], "lr": 0.1}, {"params": [w[1]], "lr": 0.02}], lr=1)
    scheduler = s.ReduceLROnPlateau(optimizer, **options)
    rows = []
    for metric in metrics:
        scheduler.step(metric)
        rows.append([group["lr"] for group in optimizer.param_groups])
    return rows


METRICS = [3, 2.5, 2.6, 2.6, 2.6, 2.4, 2.4, 2.39, 2.38, 2.37, 5, 5, 5, 2, 2, 2, 2, 2, 2]
PLATEAUS = [
    {"patience": 2},
    {"patience": 1, "factor": 0.5, "cooldown": 2, "threshold": 0.05},
    {"patience": 0, "factor": 0.3, "threshold": 0.2, "threshold_mode": "abs", "min_lr": [0.01, 0.005]},
    {"mode": "max", "patience": 1, "factor": 0.5},
    {"mode": "max", "patience": 1, "factor": 0.5, "threshold": 0.5, "threshold_mode": "abs", "eps": 0.004},
]

reference = {
    "note": "Computed by reference.py with PyTorch 1.13.",
    "start": START,
    "shift": SHIFT,
    "kept": KEPT,
    "optimizers": [{"optimizer": n, "options": o, "after": trajectory(n, o)} for n, o in OPTIMIZERS],
    "lbfgs": [{"options": o, **lbfgs(o)} for o in LBFGS],
    "schedules": SCHEDULES,
    "metrics": METRICS,
    "plateaus": [{"options": o, "rates": plateau(o, METRICS)} for o in PLATEAUS],
}

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference.json"), "w") as file:
    json.dump(reference, file, separators=(",", ":"))
    file.write("\n")
