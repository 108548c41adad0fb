"""A placed network on SANA-FE's Loihi: what its child process runs (benchmarks/energy.py), with sanafe alone.

    python benchmarks/energy_peer.py JOB.json

The file holds populations with their core and neurons, synapses, and the input's spikes; what SANA-FE counted, its
energy in joules, its time in seconds and its spikes by step come as JSON on standard output.
"""

import json
import sys
from pathlib import Path

import sanafe


def spiking_chip(job):
    """Return the network on the chip."""
    architecture, network = sanafe.load_loihi(), sanafe.Network()
    groups = {}
    for each in job["groups"]:
        kind = "loihi_inputs" if "spikes" in each else "loihi_lif"
        options = {"default_synapse_hw_name": "loihi_dense_synapse", "log_spikes": True}
        groups[each["name"]] = group = network.create_neuron_group(each["name"], each["size"], **options)
        core = architecture.cores()[each["core"]]
        for index in range(each["size"]):
            # A unit holds one input neuron.
            unit = f"{kind}[{index}]" if "spikes" in each else kind
            values = {name: column[index] for name, column in each["attributes"].items()}
            if "spikes" in each:
                values["spikes"] = each["spikes"][index]
            group[index].set_attributes(soma_hw_name=unit, model_attributes={**each["shared"], **values})
            group[index].map_to_core(core)
    for each in job["synapses"]:
        groups[each["source"]].connect_neurons_sparse(
            groups[each["target"]], {"w": each["weights"]}, [tuple(pair) for pair in each["pairs"]]
        )
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    return chip


def main():
    """Run and print."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = spiking_chip(job).sim(job["steps"], timing_model="simple", spike_trace=True)
    trace = [[[spike.group_name, spike.neuron_offset] for spike in step] for step in found.pop("spike_trace")]
    known = ("energy", "spikes", "packets_sent", "neurons_updated", "neurons_fired", "sim_time")
    print(json.dumps({name: found[name] for name in known} | {"trace": trace}))


if __name__ == "__main__":
    main()
