package lightbits

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// SchedulePolicy defines when snapshots are created, in UTC, and how long each is kept (spec message SchedulePolicy).
type SchedulePolicy struct {
	SnapshotSchedulePolicy *SnapshotSchedulePolicy `json:"snapshotSchedulePolicy,group=schedulePolicies"`
	RetentionTime          *wire.Duration          `json:"retentionTime"` // unset or 0: until they are deleted
}

// SnapshotSchedulePolicy is one of three kinds of schedule. Of several in a request the last one applies, as in the
// gateway.
type SnapshotSchedulePolicy struct {
	HourlySchedule *HourlySchedule `json:"hourlySchedule,group=snapshotSchedulePolicy"`
	DailySchedule  *DailySchedule  `json:"dailySchedule,group=snapshotSchedulePolicy"`
	WeeklySchedule *WeeklySchedule `json:"weeklySchedule,group=snapshotSchedulePolicy"`
}

// HourlySchedule is due at startTime and then every hoursInCycle hours.
type HourlySchedule struct {
	StartTime    time.Time `json:"startTime"`
	HoursInCycle uint32    `json:"hoursInCycle" required:"{path} is missing"`
}

// DailySchedule is due at startTime and then every daysInCycle days.
type DailySchedule struct {
	StartTime   time.Time `json:"startTime"`
	DaysInCycle uint32    `json:"daysInCycle" required:"{path} is missing"`
}

// WeeklySchedule is due on each of its days.
type WeeklySchedule struct {
	DaysOfWeek []*DayOfWeekEntry `json:"daysOfWeek" required:"{path} is missing: it must name at least one day"`
}

// DayOfWeekEntry is due every week on the day, at the time of day of startTime, and not before startTime.
type DayOfWeekEntry struct {
	StartTime time.Time `json:"startTime"`
	Day       DayOfWeek `json:"day" required:"{path} is missing: Sunday to Saturday is expected"`
}

// DayOfWeek is a day in the vendor's spelling: "Sunday" to "Saturday".
type DayOfWeek string

var dayOfWeekNames = map[string]int32{
	"DayOfWeekUnspecified": 0, "Sunday": 1, "Monday": 2, "Tuesday": 3, "Wednesday": 4, "Thursday": 5, "Friday": 6,
	"Saturday": 7,
}

// EnumNumbers returns the vendor's numbers.
func (DayOfWeek) EnumNumbers() map[string]int32 { return dayOfWeekNames }

// weekday returns the day as package time counts it; -1 for DayOfWeekUnspecified.
func (d DayOfWeek) weekday() time.Weekday { return time.Weekday(dayOfWeekNames[string(d)]) - 1 }

const (
	secondsPerHour = 3600
	secondsPerDay  = 24 * secondsPerHour
	maxHours       = 24  // of a cycle (assumption 230)
	maxDays        = 365 // of a cycle (assumption 230)
)

// check returns InvalidArgument for an invalid schedule, and sets missing start times to now (assumption 230).
func (p *SnapshotSchedulePolicy) check(now time.Time) error {
	if err := p.checkCycles(now); err != nil {
		return err
	}
	return p.checkStartTimes()
}

// checkCycles is check but for the range of the start times.
func (p *SnapshotSchedulePolicy) checkCycles(now time.Time) error {
	switch {
	case p.HourlySchedule != nil:
		h := p.HourlySchedule
		begin(&h.StartTime, now)
		return checkCycle("hourlySchedule.hoursInCycle", h.HoursInCycle, maxHours)
	case p.DailySchedule != nil:
		d := p.DailySchedule
		begin(&d.StartTime, now)
		return checkCycle("dailySchedule.daysInCycle", d.DaysInCycle, maxDays)
	case p.WeeklySchedule != nil:
		return p.WeeklySchedule.check(now)
	}
	return refusal.New(refusal.InvalidArgument,
		"the mandatory argument schedulePolicy.snapshotSchedulePolicy is missing: "+
			"it must have one of hourlySchedule, dailySchedule and weeklySchedule")
}

// checkStartTimes returns InvalidArgument for a start time that no clock shows.
func (p *SnapshotSchedulePolicy) checkStartTimes() error {
	for member, at := range p.startTimes() {
		if err := statemachine.CheckInstant(*at); err != nil {
			return refusal.New(refusal.InvalidArgument, "%s %s %s", member, at.Format(time.RFC3339Nano), err)
		}
	}
	return nil
}

// checkDue returns InvalidArgument for a schedule that is not due before the end of all clocks. It must have been
// checked.
func (p *SnapshotSchedulePolicy) checkDue(now time.Time) error {
	if statemachine.CheckInstant(p.next(now)) != nil {
		return refusal.New(refusal.InvalidArgument, "the schedule is not due before the end of the year 9999")
	}
	return nil
}

// startTimes returns the start times of the schedule and their members.
func (p *SnapshotSchedulePolicy) startTimes() iter.Seq2[string, *time.Time] {
	return func(yield func(string, *time.Time) bool) {
		switch {
		case p.HourlySchedule != nil:
			yield("hourlySchedule.startTime", &p.HourlySchedule.StartTime)
		case p.DailySchedule != nil:
			yield("dailySchedule.startTime", &p.DailySchedule.StartTime)
		case p.WeeklySchedule != nil:
			for i, e := range p.WeeklySchedule.DaysOfWeek {
				if !yield(fmt.Sprintf("weeklySchedule.daysOfWeek[%d].startTime", i), &e.StartTime) {
					return
				}
			}
		}
	}
}

func begin(at *time.Time, now time.Time) {
	if at.IsZero() {
		*at = now
	}
}

func checkCycle(member string, n, most uint32) error {
	if n < 1 || n > most {
		return refusal.New(refusal.InvalidArgument, "%s %d must be 1 to %d", member, n, most)
	}
	return nil
}

func (w *WeeklySchedule) check(now time.Time) error {
	var seen []time.Weekday
	for i, e := range w.DaysOfWeek {
		if e == nil || e.Day.weekday() < time.Sunday {
			return refusal.New(refusal.InvalidArgument,
				"weeklySchedule.daysOfWeek[%d].day is missing: Sunday to Saturday is expected", i)
		}
		if slices.Contains(seen, e.Day.weekday()) {
			return refusal.New(refusal.InvalidArgument, "weeklySchedule.daysOfWeek names %s twice", e.Day)
		}
		seen = append(seen, e.Day.weekday())
		begin(&e.StartTime, now)
	}
	return nil
}

// next returns the first instant after the given one at which the schedule is due. It must have been checked.
func (p *SnapshotSchedulePolicy) next(after time.Time) time.Time {
	switch {
	case p.HourlySchedule != nil:
		return nextInCycle(p.HourlySchedule.StartTime, int64(p.HourlySchedule.HoursInCycle)*secondsPerHour, after)
	case p.DailySchedule != nil:
		return nextInCycle(p.DailySchedule.StartTime, int64(p.DailySchedule.DaysInCycle)*secondsPerDay, after)
	}
	var first time.Time
	for _, e := range p.WeeklySchedule.DaysOfWeek {
		if at := e.next(after); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

// nextInCycle computes in whole seconds, since a time.Duration is limited to 292 years.
func nextInCycle(start time.Time, seconds int64, after time.Time) time.Time {
	if start.After(after) {
		return start
	}
	cycles := (after.Unix() - start.Unix()) / seconds
	for {
		at := time.Unix(start.Unix()+cycles*seconds, int64(start.Nanosecond())).UTC()
		if at.After(after) {
			return at
		}
		cycles++
	}
}

func (e *DayOfWeekEntry) next(after time.Time) time.Time {
	from := after.UTC()
	if e.StartTime.After(from) {
		from = e.StartTime.UTC()
	}
	clock := e.StartTime.UTC()
	at := time.Date(from.Year(), from.Month(), from.Day(), clock.Hour(), clock.Minute(), clock.Second(),
		clock.Nanosecond(), time.UTC)
	for at.Weekday() != e.Day.weekday() || at.Before(e.StartTime) || !at.After(after) {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

// clone returns a deep copy.
func (p *SchedulePolicy) clone() *SchedulePolicy {
	c := SchedulePolicy{SnapshotSchedulePolicy: &SnapshotSchedulePolicy{}}
	if p.RetentionTime != nil {
		kept := *p.RetentionTime
		c.RetentionTime = &kept
	}
	from, to := p.SnapshotSchedulePolicy, c.SnapshotSchedulePolicy
	switch {
	case from.HourlySchedule != nil:
		h := *from.HourlySchedule
		to.HourlySchedule = &h
	case from.DailySchedule != nil:
		d := *from.DailySchedule
		to.DailySchedule = &d
	case from.WeeklySchedule != nil:
		to.WeeklySchedule = &WeeklySchedule{}
		for _, e := range from.WeeklySchedule.DaysOfWeek {
			if e != nil { // check refuses a null in a world's file
				day := *e
				e = &day
			}
			to.WeeklySchedule.DaysOfWeek = append(to.WeeklySchedule.DaysOfWeek, e)
		}
	}
	return &c
}

// check returns InvalidArgument for an invalid schedule, and fills in its defaults.
func (p *SchedulePolicy) check(tx *store.Tx) error {
	if p.SnapshotSchedulePolicy == nil {
		p.SnapshotSchedulePolicy = &SnapshotSchedulePolicy{}
	}
	if err := p.SnapshotSchedulePolicy.check(tx.Now); err != nil {
		return err
	}
	return p.checkRetention()
}
