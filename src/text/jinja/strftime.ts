const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DIRECTIVE = /%([-_0^#]*)(\d*)([a-zA-Z%+])/g;
const DAY_MS = 86_400_000;
const MAX_WIDTH = 64;

/** A field: its value, and for numbers how wide it is and with what it is filled up. */
type Field = string | readonly [value: number, width: number, fill: string];

/** `datetime.strftime` of local time, as C's library writes it in the locale C. */
export function strftime(now: Date, format: string): string {
  return format.replace(DIRECTIVE, (whole, flags: string, width: string, letter: string) => {
    const field = fieldOf(now, letter);
    if (field === undefined) return whole;
    const wanted = Math.min(MAX_WIDTH, Number(width));
    if (typeof field === "string") {
      const text = flags.includes("^")
        ? field.toUpperCase()
        : flags.includes("#")
          ? letter === "p" || letter === "Z"
            ? field.toLowerCase()
            : field.toUpperCase()
          : field;
      return text.padStart(wanted, flags.includes("0") ? "0" : " ");
    }
    const [value, digits, fill] = field;
    if (flags.includes("-")) return String(value).padStart(wanted, "0");
    return String(value).padStart(Math.max(digits, wanted), flags.includes("_") ? " " : flags.includes("0") ? "0" : fill);
  });
}

function fieldOf(now: Date, letter: string): Field | undefined {
  const year = now.getFullYear();
  const month = now.getMonth();
  const day = now.getDate();
  const hour = now.getHours();
  const weekday = now.getDay();
  // Dates of the calendar as UTC, which has no hours that are left out.
  const yearDay = (Date.UTC(year, month, day) - Date.UTC(year, 0, 1)) / DAY_MS;
  const iso = isoWeek(year, month, day);
  switch (letter) {
    case "a":
      return DAYS[weekday]!.slice(0, 3);
    case "A":
      return DAYS[weekday]!;
    case "b":
    case "h":
      return MONTHS[month]!.slice(0, 3);
    case "B":
      return MONTHS[month]!;
    case "c":
      return strftime(now, "%a %b %e %H:%M:%S %Y");
    case "C":
      return [Math.floor(year / 100), 2, "0"];
    case "d":
      return [day, 2, "0"];
    case "D":
    case "x":
      return strftime(now, "%m/%d/%y");
    case "e":
      return [day, 2, " "];
    case "f":
      return [now.getMilliseconds() * 1000, 6, "0"];
    case "F":
      return strftime(now, "%Y-%m-%d");
    case "g":
      return [iso.year % 100, 2, "0"];
    case "G":
      return [iso.year, 4, "0"];
    case "H":
      return [hour, 2, "0"];
    case "I":
      return [hour % 12 || 12, 2, "0"];
    case "j":
      return [yearDay + 1, 3, "0"];
    case "k":
      return [hour, 2, " "];
    case "l":
      return [hour % 12 || 12, 2, " "];
    case "m":
      return [month + 1, 2, "0"];
    case "M":
      return [now.getMinutes(), 2, "0"];
    case "n":
      return "\n";
    case "p":
      return hour < 12 ? "AM" : "PM";
    case "P":
      return hour < 12 ? "am" : "pm";
    case "r":
      return strftime(now, "%I:%M:%S %p");
    case "R":
      return strftime(now, "%H:%M");
    case "s":
      return [Math.floor(now.getTime() / 1000), 1, "0"];
    case "S":
      return [now.getSeconds(), 2, "0"];
    case "t":
      return "\t";
    case "T":
    case "X":
      return strftime(now, "%H:%M:%S");
    case "u":
      return [weekday || 7, 1, "0"];
    case "U":
      return [Math.floor((yearDay + 7 - weekday) / 7), 2, "0"];
    case "V":
      return [iso.week, 2, "0"];
    case "w":
      return [weekday, 1, "0"];
    case "W":
      return [Math.floor((yearDay + 7 - ((weekday + 6) % 7)) / 7), 2, "0"];
    case "y":
      return [year % 100, 2, "0"];
    case "Y":
      return [year, 1, "0"];
    // A time without zone, as `datetime.now()` gives it, has none to name.
    case "z":
    case "Z":
      return "";
    case "%":
      return "%";
    default:
      return undefined;
  }
}

/** The week of ISO 8601: that of its Thursday. */
function isoWeek(year: number, month: number, day: number): { readonly year: number; readonly week: number } {
  const date = new Date(Date.UTC(year, month, day));
  const thursday = new Date(date.getTime() + (3 - ((date.getUTCDay() + 6) % 7)) * DAY_MS);
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return { year: thursday.getUTCFullYear(), week: 1 + Math.floor((thursday.getTime() - first) / DAY_MS / 7) };
}
