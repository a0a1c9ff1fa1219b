"""The update of CycleGAN that src/train/step.ts computes, in PyTorch: the peer of `npm run bench:engines`.

python cyclegan_torch.py says what PyTorch this is. With TASK.json it reads what to compute (see bench/engines.mjs), takes two updates to warm up and says
so in one line of JSON; then, for each number that it reads, takes as many updates and says how long each took. It computes
only when asked, so that whoever measures can let it take turns with another process.

Height and width of images and filters are mirrored on the way in: then the two layers of stride 2 that pad with zeros on
one side alone are those that PyTorch's own `padding=1` and `output_padding=1` give, with no pad of their own.
"""

import json
import struct
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Layer(nn.Module):
    """Padding, convolution, norm: one of the layers of src/geometry.ts."""

    def __init__(self, spec, weights, prefix):
        super().__init__()
        self.spec = spec
        # [height, width, in, out] or, where transposed, [height, width, out, in]
        filter = weights[f"{prefix}/{spec['name']}/filter"].permute(3, 2, 0, 1).flip(2, 3).contiguous()
        self.filter = nn.Parameter(filter)
        bias = weights.get(f"{prefix}/{spec['name']}/bias")
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, x):
        kind, stride, (before, after) = self.spec["kind"], self.spec["stride"], self.spec["pads"]
        if kind == "transposed":
            x = F.conv_transpose2d(x, self.filter, self.bias, stride=stride, padding=after, output_padding=1)
        elif self.spec["padding"] == "reflect":
            x = F.conv2d(F.pad(x, [before, after, before, after], mode="reflect"), self.filter, self.bias)
        else:
            x = F.conv2d(x, self.filter, self.bias, stride=stride, padding=after)
        return F.instance_norm(x, eps=1e-5) if self.spec["normed"] else x


class Generator(nn.Module):
    """ResNet of Zhu et al. 2017."""

    def __init__(self, specs, weights, prefix):
        super().__init__()
        self.layers = nn.ModuleList(Layer(spec, weights, prefix) for spec in specs)

    def forward(self, x):
        first, trunk, last = self.layers[:3], self.layers[3:-3], self.layers[-3:]
        for layer in first:
            x = F.relu_(layer(x))
        for conv1, conv2 in zip(trunk[0::2], trunk[1::2]):
            x = x + conv2(F.relu_(conv1(x)))
        for layer in last[:2]:
            x = F.relu_(layer(x))
        return torch.tanh(last[2](x))


class Discriminator(nn.Module):
    """PatchGAN of Isola et al. 2017."""

    def __init__(self, specs, weights, prefix):
        super().__init__()
        self.layers = nn.ModuleList(Layer(spec, weights, prefix) for spec in specs)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.leaky_relu_(layer(x), 0.2)
        return self.layers[-1](x)


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(body, dtype=torch.float32, offset=begin, count=(end - begin) // 4)
        tensors[name] = values.reshape(entry["shape"]).clone()
    return tensors


def peak_memory():
    """Bytes, of this process so far; None where the system does not tell."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return None


def compile_update(task):
    """The function that takes one update and returns its losses."""
    parameters, weights = task["parameters"], read_safetensors(task["tensors"])
    generators = [Generator(task["generator"], weights, name) for name in ("G", "F")]
    discriminators = [Discriminator(task["discriminator"], weights, name) for name in ("D_X", "D_Y")]
    images = [weights[name].flip(1, 2).permute(0, 3, 1, 2).contiguous() for name in ("X", "Y")]
    weights.clear()
    if task["channels_last"]:
        for network in generators + discriminators:
            network.to(memory_format=torch.channels_last)
        images = [image.to(memory_format=torch.channels_last) for image in images]
    (g, f), (d_x, d_y), (x, y) = generators, discriminators, images

    def adam(networks):
        return torch.optim.Adam(
            [weight for network in networks for weight in network.parameters()],
            lr=parameters["lr"],
            betas=(parameters["beta1"], parameters["beta2"]),
            fused=True,
        )

    adam_generators, adam_discriminators = adam(generators), adam(discriminators)

    def generator_losses(x, y):
        gx, fy = g(x), f(y)
        g_adv = (d_y(gx) - 1).square().mean()
        f_adv = (d_x(fy) - 1).square().mean()
        cycle = parameters["lambda"] * ((x - f(gx)).abs().mean() + (y - g(fy)).abs().mean())
        identity = parameters["gamma"] * ((y - g(y)).abs().mean() + (x - f(x)).abs().mean())
        return g_adv, f_adv, cycle, identity, gx.detach(), fy.detach()

    def discriminator_losses(x, y, gx, fy):
        of_x = ((d_x(x) - 1).square().mean() + d_x(fy).square().mean()) / 2
        of_y = ((d_y(y) - 1).square().mean() + d_y(gx).square().mean()) / 2
        return of_x, of_y

    if task["compile"]:
        generator_losses = torch.compile(generator_losses)
        discriminator_losses = torch.compile(discriminator_losses)

    def update():
        for network in discriminators:
            network.requires_grad_(False)  # nobody wants these gradients of the generators' losses
        *terms, gx, fy = generator_losses(x, y)
        adam_generators.zero_grad()
        sum(terms).backward()
        adam_generators.step()
        for network in discriminators:
            network.requires_grad_(True)
        of_x, of_y = discriminator_losses(x, y, gx, fy)
        adam_discriminators.zero_grad()
        (of_x + of_y).backward()
        adam_discriminators.step()
        names = ("loss/G_adv", "loss/F_adv", "loss/cycle", "loss/identity", "loss/D_x", "loss/D_y")
        return dict(zip(names, (term.item() for term in (*terms, of_x, of_y))))

    return update


def main():
    def say(**what):
        print(json.dumps({**what, "peak": peak_memory()}), flush=True)

    if len(sys.argv) < 2:
        say(version=torch.__version__, configuration=torch.__config__.show())
        return
    with open(sys.argv[1]) as file:
        task = json.load(file)
    torch.set_num_threads(task["threads"])
    update = compile_update(task)
    say(losses=[update(), update()])
    for line in sys.stdin:
        seconds = []
        before = time.process_time()
        for _ in range(int(line)):
            begun = time.perf_counter()
            update()
            seconds.append(time.perf_counter() - begun)
        say(seconds=seconds, processor=time.process_time() - before)


main()
