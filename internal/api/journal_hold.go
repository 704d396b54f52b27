package api

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// maxHeldText is the longest text of a cause that the journal keeps, in bytes.
const maxHeldText = 4 << 10

// hold makes the explanation of an exchange independent of the request: it copies all texts, which would keep the
// buffers of net/http in memory. It returns the size of the copies in bytes.
func (x *Exchange) hold() int64 {
	var size int64
	x.Faults = slices.Clone(x.Faults)
	for i := range x.Faults {
		f := &x.Faults[i]
		f.Rule, f.Why = strings.Clone(f.Rule), strings.Clone(f.Why)
		size += 80 + int64(len(f.Rule)+len(f.Why))
	}
	if x.Cause != nil {
		held := heldValue(reflect.ValueOf(x.Cause), &size)
		x.Cause = held.Interface()
	}
	if x.About != nil {
		about, _ := heldValue(reflect.ValueOf(*x.About), &size).Interface().(About)
		x.About = &about
	}
	if x.Lost != nil {
		size += 64
	}
	return size
}

var timeType = reflect.TypeFor[time.Time]()

// heldValue returns a deep copy of a value with long texts shortened, and adds its size. Fields that are not exported
// are shared.
func heldValue(v reflect.Value, size *int64) reflect.Value {
	t := v.Type()
	switch v.Kind() {
	case reflect.String:
		text := v.String()
		if len(text) > maxHeldText {
			text = strings.ToValidUTF8(text[:maxHeldText], "") + "…"
		}
		*size += int64(len(text)) + 16
		return reflect.ValueOf(strings.Clone(text)).Convert(t)
	case reflect.Struct:
		held := reflect.New(t).Elem()
		held.Set(v)
		if t == timeType {
			*size += 24
			return held
		}
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				held.Field(i).Set(heldValue(v.Field(i), size))
			}
		}
		return held
	case reflect.Pointer:
		if v.IsNil() {
			*size += 8
			return v
		}
		held := reflect.New(t.Elem())
		held.Elem().Set(heldValue(v.Elem(), size))
		return held
	case reflect.Interface:
		*size += 16
		if v.IsNil() {
			return v
		}
		return heldValue(v.Elem(), size)
	case reflect.Slice:
		*size += 24
		if v.IsNil() {
			return v
		}
		held := reflect.MakeSlice(t, v.Len(), v.Len())
		for i := range v.Len() {
			held.Index(i).Set(heldValue(v.Index(i), size))
		}
		return held
	case reflect.Map:
		*size += 48
		if v.IsNil() {
			return v
		}
		return heldMap(v, size)
	default:
		*size += int64(t.Size())
		return v
	}
}

func heldMap(v reflect.Value, size *int64) reflect.Value {
	held := reflect.MakeMapWithSize(v.Type(), v.Len())
	for at := v.MapRange(); at.Next(); {
		*size += 32
		held.SetMapIndex(heldValue(at.Key(), size), heldValue(at.Value(), size))
	}
	return held
}
