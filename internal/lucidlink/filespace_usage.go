package lucidlink

import (
	"fmt"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// FilespaceStat is what a filespace holds and what it has asked of its bucket; sizes are in bytes.
type FilespaceStat struct {
	UsedStorage        uint64 `json:"usedStorage"`
	FilespaceSize      uint64 `json:"filespaceSize"`
	GetRequestCount    uint64 `json:"getRequestCount"`
	GetDataSize        uint64 `json:"getDataSize"`
	PutRequestCount    uint64 `json:"putRequestCount"`
	PutDataSize        uint64 `json:"putDataSize"`
	ListRequestCount   uint64 `json:"listRequestCount"`
	DeleteRequestCount uint64 `json:"deleteRequestCount"`
}

// requests counts what the client has asked of the bucket.
type requests struct {
	Get      uint64 `json:"get"`
	GetBytes uint64 `json:"getBytes"`
	Put      uint64 `json:"put"`
	List     uint64 `json:"list"`
	Delete   uint64 `json:"delete"`
}

func statsOf(tx *store.Tx, f *Filespace) FilespaceStat {
	return FilespaceStat{
		UsedStorage: usedStorage(tx, f), FilespaceSize: f.size(),
		GetRequestCount: f.Requests.Get, GetDataSize: f.Requests.GetBytes, PutRequestCount: f.Requests.Put, PutDataSize: f.Written,
		ListRequestCount: f.Requests.List, DeleteRequestCount: f.Requests.Delete,
	}
}

// size is the filespace's size as the operating system sees it.
func (f *Filespace) size() uint64 { return f.Written - f.Deleted }

// usedStorage is what lies in the bucket: all that the filespace or one of its snapshots still needs, each byte once
// (assumption 158).
func usedStorage(tx *store.Tx, f *Filespace) uint64 {
	var used, covered uint64
	cover := func(from, to uint64) {
		if from = max(from, covered); to > from {
			used += to - from
			covered = to
		}
	}
	for _, snap := range snapshots.All(tx, f.ID+keySeparator, "") {
		cover(snap.Deleted, snap.Written)
	}
	cover(f.Deleted, f.Written)
	return used
}

// blocks is how many objects a stretch of data takes: one for each block (facts/dms-lucidlink-lucidity.md 1.4).
func (f *Filespace) blocks(bytes uint64) uint64 {
	block := uint64(f.BlockSize) << 10
	return (bytes + block - 1) / block
}

// useFilespace is not an operation but what a guard calls the use of a filespace.
const useFilespace = "use"

// maxUse bounds what a filespace ever writes and reads, in bytes: 4 EiB.
const maxUse = 1 << 62

type usageParams struct {
	Filespace string `json:"filespace" doc:"id, name.domain, or a name that only one has"`
	Write     uint64 `json:"write" doc:"bytes of new data"`
	Read      uint64 `json:"read" doc:"bytes that are read from the bucket"`
	Delete    uint64 `json:"delete" doc:"bytes of the oldest data that are deleted before anything is written"`
}

// usedStorageNow is what an action answers about a filespace that it used.
type usedStorageNow struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	Status     string        `json:"status"`
	UsersCount int64         `json:"usersCount"`
	Stats      FilespaceStat `json:"stats"`
}

// useStorage writes, reads and deletes data as the users of a filespace do.
func (s *Service) useStorage(tx *store.Tx, p *usageParams) (any, error) {
	row, err := s.usable(tx, p.Filespace)
	if err != nil {
		return nil, err
	}
	f := &row.Body
	switch {
	case p.Write == 0 && p.Read == 0 && p.Delete == 0:
		return nil, &strict.Error{Detail: "nothing to do: say how many bytes to write, read or delete"}
	case p.Delete > f.size():
		return nil, &strict.Error{Path: "delete", Detail: fmt.Sprintf("%d is more than the %d bytes that the filespace holds", p.Delete, f.size())}
	case p.Write > maxUse-f.Written:
		return nil, &strict.Error{Path: "write", Detail: fmt.Sprintf("more than %d bytes are written in all", uint64(maxUse))}
	case p.Read > maxUse-f.Requests.GetBytes:
		return nil, &strict.Error{Path: "read", Detail: fmt.Sprintf("more than %d bytes are read in all", uint64(maxUse))}
	}
	err = s.changeUse(tx, &row, func() error {
		f.Deleted += p.Delete
		f.Written += p.Write
		f.Requests.Put += f.blocks(p.Write)
		f.Requests.Get += f.blocks(p.Read)
		f.Requests.GetBytes += p.Read
		return nil
	})
	return s.used(tx, &row), err
}

func (s *Service) used(tx *store.Tx, row *statemachine.Row[Filespace]) usedStorageNow {
	f := &row.Body
	return usedStorageNow{ID: f.ID, Name: s.qualifiedName(tx, f), Status: f.Status, UsersCount: f.UsersCount, Stats: statsOf(tx, f)}
}

// changeUse lets change alter what a filespace holds, counts the objects that leave the bucket by it, and keeps its
// meter up to date.
func (s *Service) changeUse(tx *store.Tx, row *statemachine.Row[Filespace], change func() error) error {
	f := &row.Body
	used, written := usedStorage(tx, f), f.Written
	if err := change(); err != nil {
		return err
	}
	now := usedStorage(tx, f)
	if before := used + f.Written - written; before > now {
		f.Requests.Delete += f.blocks(before - now)
	}
	if err := s.filespaces.Save(tx, row); err != nil {
		return err
	}
	return meterUse(tx, f, now)
}
