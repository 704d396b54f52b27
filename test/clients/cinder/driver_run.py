"""OpenStack Cinder's own LightOS driver, run through its whole life against a simulator that is already up.

The driver and os-brick are Debian's python3-cinder as it is installed: not edited, not subclassed. Three things around it are
ours, and none of them takes part in the storage API: the host's NQN and discovery client, which need NVMe hardware; a witness
around requests.Session.send, which records every exchange and may add a header to one of them; and a second client, which looks
at the result, and meddles where the driver is meant to meet a concurrent change.

Exit status: 0 when every step was done, 1 otherwise.
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
    parser.add_argument("--http", required=True, help="the simulator's plain address")
    parser.add_argument("--https", required=True, help="its TLS address, which the driver uses")
    options = parser.parse_args()

    log = harness.DriverLog()
    # In place of the handlers that cinder's imports left there.
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
                sys.exit(f"the simulator cannot be prepared: {error}")
            for kind in cycles.ALL:
                harness.run(kind(other, witness), log, results)
        finally:
            coordination.COORDINATOR.stop()
    return 0 if harness.summary(results) else 1


if __name__ == "__main__":
    sys.exit(main())
