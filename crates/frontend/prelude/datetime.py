"""Dates and times as numbers: a date is its ordinal, a datetime its microseconds since day 0, a time its microseconds since
midnight, a timedelta days, seconds and microseconds. The frontend's `lower/datetime.rs` makes objects of these.
"""

import math


def _is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_before_year(year):
    before = year - 1
    return before * 365 + before // 4 - before // 100 + before // 400


def _days_in_month(year, month):
    if month == 2:
        return 29 if _is_leap(year) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


def _days_before_month(year, month):
    # Months from March on have 153 days in every five.
    if month == 1:
        return 0
    if month == 2:
        return 31
    return (153 * (month - 3) + 2) // 5 + (60 if _is_leap(year) else 59)


def _date_new(year, month, day):
    if year < 1 or year > 9999:
        raise ValueError(f"year {year} is out of range")
    if month < 1 or month > 12:
        raise ValueError("month must be in 1..12")
    if day < 1 or day > _days_in_month(year, month):
        raise ValueError("day is out of range for month")
    return _days_before_year(year) + _days_before_month(year, month) + day


def _ymd(ordinal):
    # The days since 1 March of year 0: leap days come last in its years.
    days = ordinal + 305
    era = days // 146097
    of_era = days - era * 146097
    year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400
    return (year + 1 if month <= 2 else year), month, day


def _date_year(ordinal):
    return _ymd(ordinal)[0]


def _date_month(ordinal):
    return _ymd(ordinal)[1]


def _date_day(ordinal):
    return _ymd(ordinal)[2]


def _date_checked(ordinal):
    if ordinal < 1 or ordinal > 3652059:
        raise OverflowError("date value out of range")
    return ordinal


def _date_fromordinal(ordinal):
    if ordinal < 1:
        raise ValueError("ordinal must be >= 1")
    if ordinal > 3652059:
        raise ValueError("year is out of range")
    return ordinal


def _date_replace(ordinal, year=None, month=None, day=None):
    y, m, d = _ymd(ordinal)
    return _date_new(y if year is None else year, m if month is None else month, d if day is None else day)


def _date_toordinal(ordinal):
    return ordinal


def _date_weekday(ordinal):
    return (ordinal + 6) % 7


def _date_isoweekday(ordinal):
    return (ordinal + 6) % 7 + 1


def _iso_year_start(year):
    # The Monday of the week that has the first Thursday.
    first = _days_before_year(year) + 1
    weekday = (first + 6) % 7
    return first - weekday + 7 if weekday > 3 else first - weekday


def _date_isocalendar(ordinal):
    year = _ymd(ordinal)[0]
    start = _iso_year_start(year)
    if ordinal < start:
        year -= 1
        start = _iso_year_start(year)
    elif ordinal >= start + 364 and ordinal >= _iso_year_start(year + 1):
        year += 1
        start = _iso_year_start(year)
    days = ordinal - start
    return year, days // 7 + 1, days % 7 + 1


def _date_fromisocalendar(year, week, day):
    if year < 1 or year > 9999:
        raise ValueError(f"Year is out of range: {year}")
    if week < 1 or week > 53:
        raise ValueError(f"Invalid week: {week}")
    if week == 53:
        weekday = _days_before_year(year) % 7
        if not (weekday == 3 or (weekday == 2 and _is_leap(year))):
            raise ValueError(f"Invalid week: {week}")
    if day < 1 or day > 7:
        raise ValueError(f"Invalid weekday: {day} (range is [1, 7])")
    ordinal = _iso_year_start(year) + (week - 1) * 7 + day - 1
    if ordinal < 1 or ordinal > 3652059:
        raise ValueError("year is out of range")
    return ordinal


def _date_isoformat(ordinal):
    y, m, d = _ymd(ordinal)
    return f"{y:04d}-{m:02d}-{d:02d}"


def _date_text(ordinal):
    return _date_isoformat(ordinal)


def _date_repr(ordinal):
    y, m, d = _ymd(ordinal)
    return f"datetime.date({y}, {m}, {d})"


def _number(text):
    if not (text.isascii() and text.isdigit()):
        raise ValueError("Invalid isoformat string")
    return int(text)


def _iso_date(text):
    if len(text) == 10 and text[4] == "-" and text[7] == "-":
        return _date_new(_number(text[:4]), _number(text[5:7]), _number(text[8:]))
    if len(text) == 8 and text.isdigit() and text.isascii():
        return _date_new(int(text[:4]), int(text[4:6]), int(text[6:]))
    if "W" in text:
        raise NotImplementedError("dates by weeks are not read in compiled code")
    raise ValueError(f"Invalid isoformat string: {text!r}")


def _date_fromisoformat(text):
    if not isinstance(text, str):
        raise TypeError("fromisoformat: argument must be str")
    return _iso_date(text)



def _weekday_name(number):
    return ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[number]


def _month_name(number):
    if number < 7:
        return ("January", "February", "March", "April", "May", "June")[number - 1]
    return ("July", "August", "September", "October", "November", "December")[number - 7]


def _date_ctime(ordinal):
    return _datetime_ctime(ordinal * 86400000000)


def _date_strftime(ordinal, format):
    return _strftime(ordinal, 0, format)


def _strftime(ordinal, micros, format):
    if "\0" in format:
        raise NotImplementedError("what a null character does is the platform's business")
    if "%" not in format:
        return format
    year, month, day = _ymd(ordinal)
    seconds = micros // 1000000
    hour = seconds // 3600
    minute = seconds // 60 % 60
    out = []
    marked = False
    for c in format:
        if not marked:
            if c == "%":
                marked = True
            else:
                out.append(c)
            continue
        marked = False
        if c == "Y":
            out.append(_long_year(year))
        elif c == "m":
            out.append(f"{month:02d}")
        elif c == "d":
            out.append(f"{day:02d}")
        elif c == "H":
            out.append(f"{hour:02d}")
        elif c == "M":
            out.append(f"{minute:02d}")
        elif c == "S":
            out.append(f"{seconds % 60:02d}")
        else:
            out.append(_rare(c, ordinal, micros))
    if marked:
        raise NotImplementedError("a format that ends with % is the platform's business")
    return "".join(out)


def _long_year(year):
    if year < 1000:
        raise NotImplementedError("how a year before 1000 is written is the platform's business")
    return str(year)


def _rare(c, ordinal, micros):
    year, month, day = _ymd(ordinal)
    seconds = micros // 1000000
    hour = seconds // 3600
    of_year = ordinal - _days_before_year(year)
    weekday = (ordinal + 6) % 7
    if c == "f":
        return f"{micros % 1000000:06d}"
    if c == "y":
        return f"{year % 100:02d}"
    if c == "b" or c == "h":
        return _month_name(month)[:3]
    if c == "B":
        return _month_name(month)
    if c == "a":
        return _weekday_name(weekday)[:3]
    if c == "A":
        return _weekday_name(weekday)
    if c == "p":
        return "AM" if hour < 12 else "PM"
    if c == "I":
        return f"{(hour + 11) % 12 + 1:02d}"
    if c == "j":
        return f"{of_year:03d}"
    if c == "e":
        return f"{day:2d}"
    if c == "w":
        return str((weekday + 1) % 7)
    if c == "u":
        return str(weekday + 1)
    if c == "U":
        return f"{(of_year + 6 - (weekday + 1) % 7) // 7:02d}"
    if c == "W":
        return f"{(of_year + 6 - weekday) // 7:02d}"
    if c == "G":
        return _long_year(_date_isocalendar(ordinal)[0])
    if c == "V":
        return f"{_date_isocalendar(ordinal)[1]:02d}"
    if c == "F":
        return f"{_long_year(year)}-{month:02d}-{day:02d}"
    if c == "D" or c == "x":
        return f"{month:02d}/{day:02d}/{year % 100:02d}"
    if c == "T" or c == "X":
        return f"{hour:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if c == "R":
        return f"{hour:02d}:{seconds // 60 % 60:02d}"
    if c == "c":
        return _datetime_ctime(ordinal * 86400000000 + micros)
    if c == "z" or c == "Z":
        return ""
    if c == "n":
        return "\n"
    if c == "t":
        return "\t"
    if c == "%":
        return "%"
    raise NotImplementedError("this directive is the platform's business")


# Times.


def _time_new(hour=0, minute=0, second=0, microsecond=0):
    if hour < 0 or hour > 23:
        raise ValueError("hour must be in 0..23")
    if minute < 0 or minute > 59:
        raise ValueError("minute must be in 0..59")
    if second < 0 or second > 59:
        raise ValueError("second must be in 0..59")
    if microsecond < 0 or microsecond > 999999:
        raise ValueError("microsecond must be in 0..999999")
    return ((hour * 60 + minute) * 60 + second) * 1000000 + microsecond


def _time_hour(micros):
    return micros // 3600000000


def _time_minute(micros):
    return micros // 60000000 % 60


def _time_second(micros):
    return micros // 1000000 % 60


def _time_microsecond(micros):
    return micros % 1000000


def _time_replace(micros, hour=None, minute=None, second=None, microsecond=None):
    return _time_new(
        _time_hour(micros) if hour is None else hour,
        _time_minute(micros) if minute is None else minute,
        _time_second(micros) if second is None else second,
        _time_microsecond(micros) if microsecond is None else microsecond,
    )


def _time_isoformat(micros, timespec="auto"):
    hour, minute, second, rest = _time_hour(micros), _time_minute(micros), _time_second(micros), micros % 1000000
    if timespec == "auto":
        if rest == 0:
            return f"{hour:02d}:{minute:02d}:{second:02d}"
        return f"{hour:02d}:{minute:02d}:{second:02d}.{rest:06d}"
    if timespec == "seconds":
        return f"{hour:02d}:{minute:02d}:{second:02d}"
    if timespec == "milliseconds":
        return f"{hour:02d}:{minute:02d}:{second:02d}.{rest // 1000:03d}"
    if timespec == "microseconds":
        return f"{hour:02d}:{minute:02d}:{second:02d}.{rest:06d}"
    if timespec == "minutes":
        return f"{hour:02d}:{minute:02d}"
    if timespec == "hours":
        return f"{hour:02d}"
    raise ValueError("Unknown timespec value")


def _time_text(micros):
    return _time_isoformat(micros)


def _time_repr(micros):
    hour, minute, second, rest = _time_hour(micros), _time_minute(micros), _time_second(micros), micros % 1000000
    if rest != 0:
        return f"datetime.time({hour}, {minute}, {second}, {rest})"
    if second != 0:
        return f"datetime.time({hour}, {minute}, {second})"
    return f"datetime.time({hour}, {minute})"


def _time_strftime(micros, format):
    # CPython takes the first day of 1900.
    return _strftime(693596, micros, format)


def _iso_time(text):
    if text.endswith("Z") or "+" in text or "-" in text:
        raise NotImplementedError("times with a time zone are not read in compiled code")
    whole, point, fraction = text.partition(".") if "." in text else text.partition(",")
    if point != "" and not (fraction.isascii() and fraction.isdigit()):
        raise ValueError(f"Invalid isoformat string: {text!r}")
    micros = int((fraction + "000000")[:6]) if point != "" else 0
    count = len(whole)
    if ":" in whole:
        if count != 5 and count != 8:
            raise ValueError(f"Invalid isoformat string: {text!r}")
        if whole[2] != ":" or (count == 8 and whole[5] != ":"):
            raise ValueError(f"Invalid isoformat string: {text!r}")
        second = _number(whole[6:]) if count == 8 else 0
        if point != "" and count != 8:
            raise ValueError(f"Invalid isoformat string: {text!r}")
        return _time_new(_number(whole[:2]), _number(whole[3:5]), second, micros)
    if count != 2 and count != 4 and count != 6:
        raise ValueError(f"Invalid isoformat string: {text!r}")
    if point != "" and count != 6:
        raise ValueError(f"Invalid isoformat string: {text!r}")
    minute = _number(whole[2:4]) if count > 2 else 0
    second = _number(whole[4:]) if count > 4 else 0
    return _time_new(_number(whole[:2]), minute, second, micros)


def _time_fromisoformat(text):
    if not isinstance(text, str):
        raise TypeError("fromisoformat: argument must be str")
    return _iso_time(text[1:] if text.startswith("T") else text)


# Dates with times.


def _datetime_new(year, month, day, hour=0, minute=0, second=0, microsecond=0):
    return _date_new(year, month, day) * 86400000000 + _time_new(hour, minute, second, microsecond)


def _datetime_checked(micros):
    if micros < 86400000000 or micros >= 315537984000000000:
        raise OverflowError("date value out of range")
    return micros


def _datetime_year(micros):
    return _ymd(micros // 86400000000)[0]


def _datetime_month(micros):
    return _ymd(micros // 86400000000)[1]


def _datetime_day(micros):
    return _ymd(micros // 86400000000)[2]


def _datetime_hour(micros):
    return micros // 3600000000 % 24


def _datetime_minute(micros):
    return micros // 60000000 % 60


def _datetime_second(micros):
    return micros // 1000000 % 60


def _datetime_microsecond(micros):
    return micros % 1000000


def _datetime_date(micros):
    return micros // 86400000000


def _datetime_time(micros):
    return micros % 86400000000


def _datetime_combine(ordinal, micros):
    return ordinal * 86400000000 + micros


def _datetime_fromordinal(ordinal):
    return _date_fromordinal(ordinal) * 86400000000


def _datetime_fromisocalendar(year, week, day):
    return _date_fromisocalendar(year, week, day) * 86400000000


def _datetime_toordinal(micros):
    return micros // 86400000000


def _datetime_weekday(micros):
    return (micros // 86400000000 + 6) % 7


def _datetime_isoweekday(micros):
    return (micros // 86400000000 + 6) % 7 + 1


def _datetime_isocalendar(micros):
    return _date_isocalendar(micros // 86400000000)


def _datetime_replace(micros, year=None, month=None, day=None, hour=None, minute=None, second=None, microsecond=None):
    ordinal = _date_replace(micros // 86400000000, year, month, day)
    return ordinal * 86400000000 + _time_replace(micros % 86400000000, hour, minute, second, microsecond)


def _datetime_isoformat(micros, sep="T", timespec="auto"):
    if len(sep) != 1:
        raise TypeError("isoformat() argument 1 must be a unicode character")
    return _date_isoformat(micros // 86400000000) + sep + _time_isoformat(micros % 86400000000, timespec)


def _datetime_text(micros):
    return _datetime_isoformat(micros, " ")


def _datetime_repr(micros):
    year, month, day = _ymd(micros // 86400000000)
    hour, minute, second = _datetime_hour(micros), _datetime_minute(micros), _datetime_second(micros)
    rest = micros % 1000000
    head = f"datetime.datetime({year}, {month}, {day}, {hour}, {minute}"
    if rest != 0:
        return f"{head}, {second}, {rest})"
    return f"{head}, {second})" if second != 0 else f"{head})"


def _datetime_ctime(micros):
    ordinal = micros // 86400000000
    year, month, day = _ymd(ordinal)
    clock = f"{_datetime_hour(micros):02d}:{_datetime_minute(micros):02d}:{_datetime_second(micros):02d}"
    return f"{_weekday_name((ordinal + 6) % 7)[:3]} {_month_name(month)[:3]} {day:2d} {clock} {year:04d}"


def _datetime_strftime(micros, format):
    return _strftime(micros // 86400000000, micros % 86400000000, format)


def _datetime_fromisoformat(text):
    if not isinstance(text, str):
        raise TypeError("fromisoformat: argument must be str")
    if len(text) < 7:
        raise ValueError(f"Invalid isoformat string: {text!r}")
    if "W" in text[:8]:
        raise NotImplementedError("dates by weeks are not read in compiled code")
    split = 10 if text[4] == "-" else 8
    ordinal = _iso_date(text[:split])
    if len(text) <= split:
        return ordinal * 86400000000
    if len(text) == split + 1:
        raise ValueError(f"Invalid isoformat string: {text!r}")
    return ordinal * 86400000000 + _iso_time(text[split + 1 :])


def _datetime_parsed(year, month, day, hour, minute, second, micros, half):
    # `half` is -1 without %p, 0 for AM and 1 for PM; the hour is one of twelve then.
    if half == 0 and hour == 12:
        hour = 0
    elif half == 1 and hour < 12:
        hour += 12
    return _datetime_new(year, month, day, hour, minute, second, micros)


def _fraction(text):
    return int((text + "000000")[:6])


def _short_year(number):
    return number + 2000 if number <= 68 else number + 1900


def _month_number(name, length):
    wanted = name.lower()
    for number in range(1, 13):
        if _month_name(number).lower()[:length] == wanted:
            return number
    raise ValueError("no month has this name")


# Differences.


def _delta_checked(days, seconds, micros):
    seconds += micros // 1000000
    days += seconds // 86400
    if days < -999999999 or days > 999999999:
        raise OverflowError(f"days={days}; must have magnitude <= 999999999")
    return days, seconds % 86400, micros % 1000000


def _parts(value, unit):
    """The whole number, and the microseconds and their fraction that the rest makes in this unit."""
    if isinstance(value, int):
        return value, 0, 0.0
    fraction, whole = math.modf(value)
    if fraction == 0.0:
        return int(whole), 0, 0.0
    left, micros = math.modf(unit * fraction)
    return int(whole), int(micros), left


def _away(value):
    """The nearest integer, halves away from zero, as `round` of C."""
    size = abs(value)
    whole = math.floor(size)
    if size - whole >= 0.5:
        whole += 1
    return whole if value > 0.0 else -whole


def _delta_new(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0):
    us, us_more, us_left = _parts(microseconds, 1.0)
    ms, ms_more, ms_left = _parts(milliseconds, 1000.0)
    s, s_more, s_left = _parts(seconds, 1000000.0)
    m, m_more, m_left = _parts(minutes, 60000000.0)
    h, h_more, h_left = _parts(hours, 3600000000.0)
    d, d_more, d_left = _parts(days, 86400000000.0)
    w, w_more, w_left = _parts(weeks, 604800000000.0)
    # In the order in which CPython adds them.
    left = us_left + ms_left + s_left + m_left + h_left + d_left + w_left
    micros = us + ms * 1000 + us_more + ms_more + s_more + m_more + h_more + d_more + w_more
    if left != 0.0:
        odd = micros % 2
        rounded = _away(left)
        if abs(rounded - left) == 0.5:
            rounded = 2 * _away((left + odd) * 0.5) - odd
        micros += rounded
    return _delta_checked(d + w * 7, s + m * 60 + h * 3600, micros)


def _total(days, seconds, micros):
    return (days * 86400 + seconds) * 1000000 + micros


def _of_total(total):
    return _delta_checked(0, 0, total)


def _delta_total_seconds(days, seconds, micros):
    return _total(days, seconds, micros) / 1000000


def _delta_text(days, seconds, micros):
    text = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if micros != 0:
        text = f"{text}.{micros:06d}"
    if days == 0:
        return text
    plural = "" if days == 1 or days == -1 else "s"
    return f"{days} day{plural}, {text}"


def _delta_repr(days, seconds, micros):
    parts = []
    if days != 0:
        parts.append(f"days={days}")
    if seconds != 0:
        parts.append(f"seconds={seconds}")
    if micros != 0:
        parts.append(f"microseconds={micros}")
    return "datetime.timedelta(" + (", ".join(parts) if len(parts) > 0 else "0") + ")"


def _delta_add_delta(days, seconds, micros, more_days, more_seconds, more_micros):
    return _delta_checked(days + more_days, seconds + more_seconds, micros + more_micros)


def _delta_sub_delta(days, seconds, micros, less_days, less_seconds, less_micros):
    return _delta_checked(days - less_days, seconds - less_seconds, micros - less_micros)


def _delta_neg(days, seconds, micros):
    return _delta_checked(-days, -seconds, -micros)


def _delta_abs(days, seconds, micros):
    return _delta_neg(days, seconds, micros) if days < 0 else _delta_checked(days, seconds, micros)


def _delta_mul_int(days, seconds, micros, factor):
    return _delta_checked(days * factor, seconds * factor, micros * factor)


def _delta_floordiv_int(days, seconds, micros, divisor):
    if divisor == 0:
        raise ZeroDivisionError("integer division or modulo by zero")
    return _of_total(_total(days, seconds, micros) // divisor)


def _delta_truediv_int(days, seconds, micros, divisor):
    if divisor == 0:
        raise ZeroDivisionError("integer division or modulo by zero")
    total = _total(days, seconds, micros)
    size = -divisor if divisor < 0 else divisor
    if divisor < 0:
        total = -total
    quotient, rest = total // size, total % size
    twice = rest - (size - rest)
    if twice > 0 or (twice == 0 and quotient % 2 == 1):
        quotient += 1
    return _of_total(quotient)


def _delta_truediv_delta(days, seconds, micros, by_days, by_seconds, by_micros):
    divisor = _total(by_days, by_seconds, by_micros)
    if divisor == 0:
        raise ZeroDivisionError("division by zero")
    return _total(days, seconds, micros) / divisor


def _delta_floordiv_delta(days, seconds, micros, by_days, by_seconds, by_micros):
    divisor = _total(by_days, by_seconds, by_micros)
    if divisor == 0:
        raise ZeroDivisionError("integer division or modulo by zero")
    return _total(days, seconds, micros) // divisor


def _delta_mod_delta(days, seconds, micros, by_days, by_seconds, by_micros):
    divisor = _total(by_days, by_seconds, by_micros)
    if divisor == 0:
        raise ZeroDivisionError("integer modulo by zero")
    return _of_total(_total(days, seconds, micros) % divisor)


def _date_add_delta(ordinal, days, seconds, micros):
    return _date_checked(ordinal + days)


def _date_sub_delta(ordinal, days, seconds, micros):
    return _date_checked(ordinal - days)


def _date_sub_date(ordinal, other):
    return ordinal - other, 0, 0


def _datetime_add_delta(now, days, seconds, micros):
    if days > 3652059 or days < -3652059:
        raise OverflowError("date value out of range")
    return _datetime_checked(now + _total(days, seconds, micros))


def _datetime_sub_delta(now, days, seconds, micros):
    if days > 3652059 or days < -3652059:
        raise OverflowError("date value out of range")
    return _datetime_checked(now - _total(days, seconds, micros))


def _datetime_sub_datetime(now, before):
    return _of_total(now - before)
