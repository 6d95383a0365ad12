"""The child's side of a contest in Python: the twin of ../serve.mjs, which describes the requests."""
import array
import gc
import json
import sys
import time


def read_arrays(file, arrays):
    """The arrays of a workload by name: flat array.array and shape."""
    with open(file, "rb") as source:
        data = source.read()
    result = {}
    for name, entry in arrays.items():
        flat = array.array("i" if entry["dtype"] == "int32" else "f")
        flat.frombytes(data[entry["start"] : entry["end"]])
        result[name] = (flat, entry["shape"])
    return result


def peak_bytes(train):
    """The most that tensors hold in a training step: those before it, and what the step adds at its height."""
    import torch

    train()
    for x in gc.get_objects():
        if torch.is_tensor(x) and x.requires_grad and x.is_leaf:
            x.grad = None  # as the step itself begins
    tensors = (x for x in gc.get_objects() if torch.is_tensor(x))
    storages = {x.storage().data_ptr(): x.storage().nbytes() for x in tensors}
    before = sum(storages.values())
    with torch.profiler.profile(profile_memory=True) as profile:
        train()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda e: e.start_us()):
        held += event.nbytes()
        most = max(most, held)
    return before + most


def serve(workloads):
    """`workloads`: name → (arrays, options) → (train, step), as in serve.mjs."""
    train = step = None
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if request["do"] == "setup":
            arrays = read_arrays(request["file"], request["arrays"])
            train, step = workloads[request["workload"]](arrays, request["options"])
        elif request["do"] == "losses":
            losses, started = [], time.perf_counter()
            while len(losses) < request["steps"] and (time.perf_counter() - started) * 1000 < request["ms"]:
                losses.append(train())
            answer = {"losses": losses}
        elif request["do"] == "peak":
            answer = {"bytes": peak_bytes(train)}
        else:
            gc.collect()
            started = time.perf_counter()
            steps, passed = 0, 0.0
            while passed < request["ms"]:
                step()
                steps += 1
                passed = (time.perf_counter() - started) * 1000
            answer = {"steps": steps, "ms": passed}
        print(json.dumps(answer), flush=True)
