package lightbits

import (
	"fmt"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

const projectPath = "/api/v2/projects/default/"

// volumeSteps returns the steps with volumes, snapshots, hosts and policies.
func volumeSteps() []walkStep {
	return []walkStep{
		{"CreateVolume", 10, (*walker).createVolume},
		{"CreateVolume of a snapshot", 4, (*walker).cloneVolume},
		{"DeleteVolume", 5, func(w *walker) (string, bool) {
			return w.call("DELETE", projectPath+"volumes/"+w.pick(w.volumes), "")
		}},
		{"UpdateVolume", 5, (*walker).updateVolume},
		{"RollbackVolume", 3, (*walker).rollbackVolume},
		{"a volume fails", 1, func(w *walker) (string, bool) {
			if !w.chance(4) {
				return "not yet", false
			}
			return w.fire("lightbits.volume", w.pick(w.volumes), "fail")
		}},
		{"a failed volume is purged", 3, func(w *walker) (string, bool) {
			if len(w.failedVolumes) == 0 {
				return "none", false
			}
			return w.fire("lightbits.volume", w.pick(w.failedVolumes), "purge")
		}},
		{"CreateSnapshot", 6, (*walker).createSnapshot},
		{"DeleteSnapshot", 5, func(w *walker) (string, bool) {
			return w.call("DELETE", projectPath+"snapshots/"+w.pick(w.snapshots), "")
		}},
		{"a snapshot fails", 1, func(w *walker) (string, bool) {
			return w.fire("lightbits.snapshot", w.pick(w.snapshots), w.failOrPurge())
		}},
		{"write-volume", 10, func(w *walker) (string, bool) {
			return w.act("write-volume", `{"volume":%q,"offset":"%dMiB","bytes":"%dMiB"}`, w.pick(w.volumes),
				w.random.IntN(1000), 1+w.random.IntN(900000))
		}},
		{"connect-host", 2, func(w *walker) (string, bool) {
			return w.act("connect-host", `{"volume":%q,"hostNQN":"nqn.2020-01.com.example:host%d"}`, w.pick(w.volumes),
				w.random.IntN(6))
		}},
		{"disconnect-host", 2, func(w *walker) (string, bool) {
			return w.act("disconnect-host", `{"volume":%q,"hostNQN":"nqn.2020-01.com.example:host%d"}`,
				w.pick(w.volumes), w.random.IntN(6))
		}},
		{"CreatePolicy", 1, func(w *walker) (string, bool) {
			return w.call("POST", "/api/v2/policies",
				`{"name":"p%d","qoSRateLimitPolicy":{"limitIOPS":{"readIOPSLimit":1024,"writeIOPSLimit":1024},`+
					`"policyVisibility":"Global"}}`, w.random.IntN(5))
		}},
		{"DeletePolicy", 1, func(w *walker) (string, bool) {
			return w.call("DELETE", "/api/v2/policies/"+w.pick(w.policies), "")
		}},
		{"CreateResourcePolicy", 1, func(w *walker) (string, bool) {
			return w.call("POST", projectPath+"resourcePolicies",
				`{"name":"r%d","resourceUUID":%q,"schedulePolicy":{"retentionTime":"%ds",`+
					`"snapshotSchedulePolicy":{"hourlySchedule":{"hoursInCycle":%d}}}}`,
				w.steps, w.pick(w.volumes), 1+w.random.IntN(20000), 1+w.random.IntN(5))
		}},
		{"DeleteResourcePolicy", 1, func(w *walker) (string, bool) {
			return w.call("DELETE", projectPath+"resourcePolicies/"+w.pick(w.schedules), "")
		}},
	}
}

func (w *walker) failOrPurge() statemachine.Event {
	if w.chance(3) {
		return "fail"
	}
	return "purge"
}

func (w *walker) createVolume() (string, bool) {
	if len(w.volumes) >= mostVolumes {
		return w.call("DELETE", projectPath+"volumes/"+w.pick(w.volumes), "")
	}
	restrictions := ""
	if w.chance(12) {
		restrictions = fmt.Sprintf(
			`,"placementRestrictions":[{"operator":"In","labelValueKeyPairs":[{"key":"FD","value":"server%02d"}]}]`,
			w.random.IntN(6))
	}
	replicas := 1 + w.random.IntN(3)
	if restrictions != "" {
		replicas = 1
	}
	return w.call("POST", projectPath+"volumes",
		`{"name":"v%d","size":"%dGiB","replicaCount":%d,"compression":"%t","acl":{"values":["ALLOW_ANY"]}%s}`,
		w.random.IntN(60), 1+w.random.IntN(4000), replicas, w.flip(), restrictions)
}

func (w *walker) cloneVolume() (string, bool) {
	if len(w.volumes) >= mostVolumes {
		return w.call("DELETE", projectPath+"volumes/"+w.pick(w.volumes), "")
	}
	snapshot, source := w.pick(w.snapshots), Snapshot{Size: 1 << 30, ReplicaCount: 1}
	w.view(func(tx *store.Tx) error {
		if row, err := w.service.snapshots.Find(tx, snapshot); err == nil {
			source = row.Body
		}
		return nil
	})
	return w.call("POST", projectPath+"volumes", `{"name":"c%d","size":"%d","replicaCount":%d,`+
		`"acl":{"values":["ALLOW_ANY"]},"sourceSnapshotUUID":%q}`, w.steps, source.Size, source.ReplicaCount, snapshot)
}

func (w *walker) updateVolume() (string, bool) {
	change := w.pick([]string{
		fmt.Sprintf(`"size":"%dGiB","Force":true`, 1+w.random.IntN(5000)), fmt.Sprintf(`"newName":"v%d"`,
			w.random.IntN(60)),
		fmt.Sprintf(`"compression":"%t"`, w.flip()), `"acl":{"values":["nqn.2020-01.com.example:host1"]}`,
		fmt.Sprintf(`"qosPolicyUUID":%q`, w.pick(w.policies)),
	})
	return w.call("PUT", projectPath+"volumes/"+w.pick(w.volumes), "{%s}", change)
}

// rollbackVolume rolls a volume back to a snapshot, mostly one of its own.
func (w *walker) rollbackVolume() (string, bool) {
	volume, snapshot := w.pick(w.volumes), w.pick(w.snapshots)
	if !w.chance(6) {
		w.view(func(tx *store.Tx) error {
			if row, err := w.service.snapshots.Find(tx, snapshot); err == nil {
				volume = row.Body.SourceVolumeUUID
			}
			return nil
		})
	}
	return w.call("PUT", projectPath+"volumes/"+volume+"/rollback", `{"srcSnapshotUUID":%q}`, snapshot)
}

func (w *walker) createSnapshot() (string, bool) {
	if len(w.snapshots) >= mostSnapshots {
		return w.call("DELETE", projectPath+"snapshots/"+w.pick(w.snapshots), "")
	}
	retention := ""
	if w.chance(4) {
		retention = fmt.Sprintf(`,"retentionTime":"%ds"`, 1+w.random.IntN(5000))
	}
	return w.call("POST", projectPath+"snapshots", `{"name":"s%d","sourceVolumeUUID":%q%s}`, w.random.IntN(200),
		w.pick(w.volumes), retention)
}
