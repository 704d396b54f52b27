package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"storagesim/internal/store"
	"storagesim/internal/varint"
	"storagesim/internal/wire"
)

// Subject is what an event is about.
type Subject struct {
	project string // of a volume or snapshot
	id      string // of the component; for a snapshot, of its volume
	name    string
	server  string // of damaged data: the UUID of the server; id is the node's, name the device's serial
	detail  string // appended to the text of the catalogue
}

// AboutVolume is a volume.
func AboutVolume(project, id, name string) Subject {
	return Subject{project: project, id: id, name: name}
}

// AboutSnapshot is the volume that a snapshot was made from, since the vendor's log has no component for snapshots. The
// snapshot is in the description.
func AboutSnapshot(project, volumeUUID, volumeName, snapshotUUID, snapshotName string) Subject {
	return AboutVolume(project, volumeUUID, volumeName).With("snapshot " + snapshotName + " (" + snapshotUUID + ")")
}

// AboutNode is a node.
func AboutNode(id, name string) Subject { return Subject{id: id, name: name} }

// AboutServer is a server.
func AboutServer(id, name string) Subject { return Subject{id: id, name: name} }

// AboutDevice is an NVMe device.
func AboutDevice(serial, name string) Subject { return Subject{id: serial, name: name} }

// AboutCluster is a cluster.
func AboutCluster(id, name string) Subject { return Subject{id: id, name: name} }

// AboutDamage is damaged data on a device of a node.
func AboutDamage(nodeUUID, serverUUID, serial string) Subject {
	return Subject{id: nodeUUID, name: serial, server: serverUUID}
}

// With returns the subject with a detail that ends the event's description.
func (s Subject) With(detail string) Subject {
	s.detail = detail
	return s
}

// event returns the event of a kind about a subject.
func (k *kind) event(id string, at time.Time, name Name, about Subject) Event {
	text := strings.ReplaceAll(strings.ReplaceAll(k.Text, "{id}", about.id), "{name}", about.name)
	if about.detail != "" {
		text += ": " + about.detail
	}
	e := Event{
		ID: id, Time: at, Type: k.Type, Severity: k.Severity, EventName: string(name), EventCode: k.Code,
		ReportingService: k.Service, Description: text,
	}
	component := &ComponentInfo{ID: about.id, Name: about.name}
	switch k.Type {
	case TypeVolume:
		list := &VolumeComponentInfoList{VolumeComponentInfoList: []*ComponentInfo{component}}
		e.ComponentVolumesInfo = &ComponentVolumesInfo{
			ProjectVolumesMap: map[string]*VolumeComponentInfoList{about.project: list},
		}
	case TypeNode:
		e.ComponentNodeInfo = component
	case TypeNVMeSSD:
		e.ComponentNVMeSSDInfo = component
	case TypeServer:
		e.ComponentServerInfo = component
	case TypeCluster, TypeClusterEncryption:
		e.ComponentClusterInfo = component
	case TypeDataIntegrity:
		e.ComponentDataIntegrityInfo = &ComponentDataIntegrityInfo{
			NodeUUID: about.id, ServerUUID: about.server, SSDs: []string{about.name},
		}
	}
	return e
}

// maxEntries is the number of events a cluster keeps; the oldest are dropped first (assumption 43).
const maxEntries = 100_000

// Entry is a row of the log: what filters compare, and the event as the API returns it.
type Entry struct {
	Seq      uint64
	At       time.Time
	Type     Type
	Severity Severity
	Project  string
	Body     Event
}

// Log is the table of entries, oldest first.
var Log = store.NewTable("lightbits.events", func(e *Entry) string { return key(e.Seq) }, store.Codec[Entry]{
	Append: func(dst []byte, e *Entry) ([]byte, error) {
		dst = binary.BigEndian.AppendUint64(dst, uint64(e.At.UnixMilli()))
		dst = append(dst, byte(typeNumbers[string(e.Type)]), byte(severityNumbers[string(e.Severity)]))
		return wire.Append(varint.AppendBytes(dst, e.Project), &e.Body, wire.OmitZero)
	},
	Decode: func(src []byte, e *Entry) error {
		head, body, err := Peek(src)
		if err != nil {
			return err
		}
		e.At = head.At.UTC()
		e.Project = string(head.project)
		if err := wire.Unmarshal(body, &e.Body); err != nil {
			return err
		}
		e.Type, e.Severity = e.Body.Type, e.Body.Severity
		e.Seq, err = sequence(e.Body.ID)
		return err
	},
})

// Head is what filters compare. It is valid only while the bytes of the row are.
type Head struct {
	At             time.Time
	kind, severity byte
	project        []byte
}

// Is reports whether the event has that type.
func (h Head) Is(t Type) bool { return h.kind == byte(typeNumbers[string(t)]) }

// Peek splits a row of the log without decoding the event. body is the event in JSON.
func Peek(src []byte) (head Head, body []byte, err error) {
	const fixed = 8 + 2
	if len(src) < fixed {
		return head, nil, varint.ErrLength
	}
	head.At = time.UnixMilli(int64(binary.BigEndian.Uint64(src)))
	head.kind, head.severity = src[8], src[9]
	r := varint.NewReader(src[fixed:])
	head.project = r.Bytes()
	return head, r.Rest(), r.Err()
}

func key(seq uint64) string { return string(binary.BigEndian.AppendUint64(nil, seq)) }

// newID draws the ID of the event with that number. Its last six bytes are the number, so that a page token is found
// without an index.
func newID(tx *store.Tx, seq uint64) string {
	id := tx.NewUUID()
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], seq)
	copy(id[10:], number[2:])
	return id.String()
}

// sequence returns the number in an event's ID.
func sequence(id string) (uint64, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return 0, fmt.Errorf("event ID %q: %w", id, err)
	}
	var number [8]byte
	copy(number[2:], parsed[10:])
	return binary.BigEndian.Uint64(number[:]), nil
}

// Record appends an event to the log.
func Record(tx *store.Tx, name Name, about Subject) error {
	k, ok := catalog[name]
	if !ok {
		return fmt.Errorf("event %q is not in the catalogue", name)
	}
	seq := uint64(1)
	if last, ok := Log.Last(tx, ""); ok {
		seq = binary.BigEndian.Uint64([]byte(last)) + 1
	}
	e := Entry{Seq: seq, At: tx.Now, Type: k.Type, Severity: k.Severity, Project: about.project}
	e.Body = k.event(newID(tx, seq), tx.Now, name, about)
	if err := Log.Insert(tx, &e); err != nil {
		return err
	}
	if seq <= maxEntries {
		return nil
	}
	if err := Log.Delete(tx, key(seq-maxEntries)); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}
