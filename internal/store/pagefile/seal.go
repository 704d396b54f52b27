package pagefile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"sync"
)

// A seal is sealMagic, the transaction, the checksum, and four zeros.
const (
	sealMagic = "storagesim seal\n"
	sealSize  = len(sealMagic) + 16
	sealBlock = 16 << 20 // bytes of a block of the checksum
	maxSealed = 2 << 30  // bytes of pages; the checksum of more would take too long at start and end
)

// readSeal returns the checksum that the file was closed with, and false if it was never closed or written to since.
func readSeal(data []byte, m metaPage) (sum uint32, ok bool) {
	b := data[m.high*m.pageSize:]
	if len(b) < sealSize || string(b[:len(sealMagic)]) != sealMagic {
		return 0, false
	}
	b = b[len(sealMagic):]
	return binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint64(b) == m.txid
}

// Seal seals a closed file, which must be the given one. A file with more than 2 GiB of pages is left without a seal.
func Seal(path string, file os.FileInfo) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // for the error paths
	if is, err := f.Stat(); err != nil || !os.SameFile(is, file) {
		return errors.Join(err, fmt.Errorf("%s: another file is in its place", path))
	}
	data, release, err := mapFile(f)
	if err != nil {
		return err
	}
	defer release()
	m, err := newestMeta(data)
	if err != nil || m.high*m.pageSize > maxSealed {
		return err
	}
	b := binary.LittleEndian.AppendUint64([]byte(sealMagic), m.txid)
	b = binary.LittleEndian.AppendUint32(b, sumOf(data[:m.high*m.pageSize]))
	if _, err = f.WriteAt(append(b, 0, 0, 0, 0), int64(m.high*m.pageSize)); err != nil {
		return err
	}
	return f.Close()
}

// sumOf returns the checksum of the checksums of all blocks. Every processor takes part.
func sumOf(data []byte) uint32 {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	n := (len(data) + sealBlock - 1) / sealBlock
	sums := make([]byte, 4*n)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := range next {
				block := data[i*sealBlock : min((i+1)*sealBlock, len(data))]
				binary.LittleEndian.PutUint32(sums[4*i:], crc32.Checksum(block, castagnoli))
			}
		})
	}
	workers.Wait()
	return crc32.Checksum(sums, castagnoli)
}
