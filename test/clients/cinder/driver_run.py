"""Runs OpenStack Cinder's own LightOS driver through all its operations against a running simulator.

The driver and os-brick are those of Debian's python3-cinder, neither edited nor subclassed. Three parts around them are
ours, and none of them takes part in the storage API. The host's NQN and discovery client need NVMe hardware and are
replaced. A witness around requests.Session.send records every exchange and can add a header to a request. A second
client checks the results, and makes the concurrent changes.

Exit status: 0 if every step succeeded, 1 otherwise.
"""

import argparse
import logging
import sys
import tempfile

from cinder import coordination
from oslo_config import cfg

import cycles
import harness


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--http", required=True, help="the simulator's HTTP address")
    parser.add_argument("--https", required=True, help="the simulator's TLS address, which the driver uses")
    options = parser.parse_args()

    log = harness.DriverLog()
    # Replaces the handlers that Cinder's imports have set.
    logging.getLogger().handlers[:] = [log]
    logging.getLogger("cinder").setLevel(logging.DEBUG)
    harness.host_side()
    witness = harness.Witness()
    results = []
    with tempfile.TemporaryDirectory() as state:
        cfg.CONF([], project="cinder", default_config_files=[])
        cfg.CONF.set_override("state_path", state)
        cfg.CONF.set_override("backend_url", "file://" + state, group="coordination")
        coordination.COORDINATOR.start()
        try:
            try:
                other = harness.Other(options.http, options.https)
            except (harness.Failure, OSError) as error:
                sys.exit(f"cannot prepare the simulator: {error}")
            for kind in cycles.ALL:
                harness.run(kind(other, witness), log, results)
        finally:
            coordination.COORDINATOR.stop()
    return 0 if harness.summary(results) else 1


if __name__ == "__main__":
    sys.exit(main())
