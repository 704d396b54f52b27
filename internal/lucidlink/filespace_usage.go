package lucidlink

import (
	"fmt"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// FilespaceStat is the size of a filespace and the number of requests to its bucket. Sizes are in bytes.
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

// requests counts the client's requests to the bucket.
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
		GetRequestCount: f.Requests.Get, GetDataSize: f.Requests.GetBytes, PutRequestCount: f.Requests.Put,
		PutDataSize:      f.Written,
		ListRequestCount: f.Requests.List, DeleteRequestCount: f.Requests.Delete,
	}
}

// size returns the size of the live data in bytes.
func (f *Filespace) size() uint64 { return f.Written - f.Deleted }

// usedStorage returns the bytes in the bucket that the filespace or one of its snapshots needs, each counted once
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

// blocks returns the number of objects for the bytes: one for each block (facts/dms-lucidlink-lucidity.md 1.4).
func (f *Filespace) blocks(bytes uint64) uint64 {
	block := uint64(f.BlockSize) << 10
	return (bytes + block - 1) / block
}

// useFilespace is the name of a guard, not of an operation: the use of a filespace by an action.
const useFilespace = "use"

// maxUse is the maximum number of bytes that a filespace writes or reads in its life: 4 EiB.
const maxUse = 1 << 62

type usageParams struct {
	Filespace string `json:"filespace" doc:"the filespace: ID, name.domain, or a unique name"`
	Write     uint64 `json:"write" doc:"bytes of new data to write"`
	Read      uint64 `json:"read" doc:"bytes to read from the bucket"`
	Delete    uint64 `json:"delete" doc:"bytes of the oldest data to delete before the write"`
}

// usedStorageNow is the response of an action about the filespace that it used.
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
		return nil, &strict.Error{Detail: "must have at least one of write, read and delete above 0"}
	case p.Delete > f.size():
		return nil, &strict.Error{
			Path: "delete", Detail: fmt.Sprintf("%d is more than the %d bytes of the filespace", p.Delete, f.size()),
		}
	case p.Write > maxUse-f.Written:
		return nil, &strict.Error{
			Path: "write", Detail: fmt.Sprintf("must not exceed %d bytes in total", uint64(maxUse)),
		}
	case p.Read > maxUse-f.Requests.GetBytes:
		return nil, &strict.Error{
			Path: "read", Detail: fmt.Sprintf("must not exceed %d bytes in total", uint64(maxUse)),
		}
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
	return usedStorageNow{
		ID: f.ID, Name: s.qualifiedName(tx, f), Status: f.Status, UsersCount: f.UsersCount, Stats: statsOf(tx, f),
	}
}

// changeUse calls change, which changes the data of the filespace or its snapshots, counts the objects that it removes
// from the bucket, and updates the meter.
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
