//! Reading a master file (RFC 1035 section 5) so that it can be written back byte for byte.

use std::ops::Range;
use std::str::FromStr as _;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::Reaction;
use dnsmgmt_core::record::{RecordData, RecordType};
use domain::base::iana::Class;

use super::tokens::{self, Fault, Token};
use super::values;

/// What Knot 3.2 and NSD 4.6 give a record for which nothing says a TTL; BIND 9.18 refuses the file.
const NO_TTL: u32 = 3600;

/// A zone file: its text, cut into pieces that put together are the text again.
#[derive(Debug)]
pub(super) struct ZoneText {
    pub(super) text: Vec<u8>,
    pub(super) origin: Name,
    pub(super) pieces: Vec<Piece>,
    /// What holds before the first piece.
    pub(super) start: Context,
    /// The first place at which a line ends with a carriage return, other than in a comment.
    pub(super) carriage_return: Option<usize>,
}

/// One line in the sense of the format, with its comment and its line end.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// What a line says.
#[derive(Debug)]
pub(super) enum Kind {
    /// Nothing, or a comment.
    Blank,
    /// `$ORIGIN`.
    Origin(Name),
    /// `$TTL`.
    DefaultTtl(u32),
    /// A record.
    Entry(Box<Entry>),
}

/// A record as it stands in the file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Name,
    /// Whether the owner stands there, rather than being that of the entry before.
    pub(super) owner_written: bool,
    /// What BIND would serve it with.
    pub(super) ttl: u32,
    /// Whether the file says that TTL, here or for a record that does not state one.
    #[cfg_attr(not(feature = "config"), expect(dead_code, reason = "of use where the file is a source"))]
    pub(super) ttl_is_said: bool,
    pub(super) ttl_at: Option<Range<usize>>,
    pub(super) class_at: Option<Range<usize>>,
    pub(super) rtype: RecordType,
    pub(super) rtype_at: Token,
    /// From the first token of the value to the last one; empty if there is none.
    pub(super) value_at: Range<usize>,
    /// How many parentheses are open where the value begins and where it ends.
    pub(super) value_depths: (usize, usize),
    /// Nothing if we cannot hold the value.
    pub(super) data: Option<RecordData>,
    pub(super) soa: Option<Soa>,
}

/// What an SOA says that we need.
#[derive(Debug)]
pub(super) struct Soa {
    pub(super) serial: u32,
    pub(super) serial_at: Range<usize>,
    pub(super) minimum: u32,
}

/// What a line takes from those before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    pub(super) origin: Option<Name>,
    pub(super) owner: Option<Name>,
    pub(super) default_ttl: Option<u32>,
    last_ttl: Option<u32>,
}

impl Context {
    /// Returns the TTL of a record that does not say one: that of `$TTL` (RFC 2308 section 4), else the last one stated (RFC
    /// 1035 section 5.1), else, for the SOA, its minimum. So reads BIND; Knot and NSD know only `$TTL` and 3600 seconds, for the SOA too.
    pub(super) fn inherited_ttl(&self, soa: Option<&Soa>) -> u32 {
        self.said_ttl(soa).unwrap_or(NO_TTL)
    }

    /// Returns the TTL of such a record, if the file says any.
    fn said_ttl(&self, soa: Option<&Soa>) -> Option<u32> {
        let minimum = soa.map(|soa| soa.minimum);
        self.default_ttl.or(self.last_ttl).or(minimum)
    }

    /// Goes past a record that states this TTL, or none.
    pub(super) fn pass(&mut self, name: &Name, stated: Option<u32>, soa: Option<&Soa>) {
        self.owner = Some(name.clone());
        match soa {
            Some(soa) if stated.or(self.default_ttl).or(self.last_ttl).is_none() => {
                self.default_ttl = Some(soa.minimum);
            }
            _ => self.last_ttl = stated.or(self.last_ttl),
        }
    }
}

/// Why a file cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) reaction: Reaction,
    pub(super) at: Option<usize>,
    pub(super) problem: String,
    pub(super) hint: &'static str,
}

/// Reads a file; an error comes with the text. Without an origin from outside, the owner of the SOA is taken, else a `$ORIGIN`
/// before the first entry.
pub(super) fn read(text: Vec<u8>, origin: Option<&Name>) -> Result<ZoneText, (Vec<u8>, Unreadable)> {
    let start = Context { origin: origin.cloned(), ..Context::default() };
    match cut(&text, start.clone(), origin) {
        Ok(Cut { pieces, origin, carriage_return }) => Ok(ZoneText { text, origin, pieces, start, carriage_return }),
        Err(error) => Err((text, error)),
    }
}

/// What comes out of a text.
struct Cut {
    pieces: Vec<Piece>,
    origin: Name,
    carriage_return: Option<usize>,
}

fn cut(text: &[u8], mut context: Context, given: Option<&Name>) -> Result<Cut, Unreadable> {
    let (mut pieces, mut at, mut carriage_return) = (Vec::new(), 0, None);
    let (mut apex, mut first_origin, mut entries) = (None, None, false);
    while at < text.len() {
        let line = tokens::line(text, at)?;
        carriage_return = carriage_return.or(line.carriage_return);
        let kind = Reader { text, start: at, context: &mut context }.kind(&line.tokens)?;
        match &kind {
            Kind::Origin(origin) if !entries => first_origin = Some(origin.clone()),
            Kind::Entry(entry) => {
                entries = true;
                if entry.soa.is_some() {
                    place_of_soa(entry, apex.as_ref(), given)?;
                    apex = Some(entry.name.clone());
                }
            }
            Kind::Blank | Kind::Origin(_) | Kind::DefaultTtl(_) => {}
        }
        pieces.push(Piece { span: at..line.end, kind });
        at = line.end;
    }
    let origin = given.cloned().or(apex).or(first_origin).ok_or_else(no_origin)?;
    Ok(Cut { pieces, origin, carriage_return })
}

impl ZoneText {
    /// Returns the entries in their order, those outside the zone included.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Piece, &Entry)> {
        self.pieces.iter().filter_map(|piece| match &piece.kind {
            Kind::Entry(entry) => Some((piece, &**entry)),
            Kind::Blank | Kind::Origin(_) | Kind::DefaultTtl(_) => None,
        })
    }

    /// Returns how the lines of the file end.
    pub(super) fn line_end(&self) -> &'static [u8] {
        let first = self.text.iter().position(|octet| *octet == b'\n');
        if first.is_some_and(|first| first > 0 && self.text[first - 1] == b'\r') { b"\r\n" } else { b"\n" }
    }
}

/// Returns line and column of an octet, both from 1; the column counts octets.
pub(super) fn position(text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let ends =
        |index: &usize| before[*index] == b'\n' || before[*index] == b'\r' && text.get(index + 1) != Some(&b'\n');
    let line_ends: Vec<usize> = (0..before.len()).filter(ends).collect();
    (line_ends.len() + 1, before.len() - line_ends.last().map_or(0, |end| end + 1) + 1)
}

/// Reads one line.
struct Reader<'a> {
    text: &'a [u8],
    start: usize,
    context: &'a mut Context,
}

impl Reader<'_> {
    fn kind(&mut self, tokens: &[Token]) -> Result<Kind, Unreadable> {
        let Some(first) = tokens.first() else { return Ok(Kind::Blank) };
        let indented = matches!(self.text[self.start], b' ' | b'\t');
        if !indented && self.octets(first).starts_with(b"$") {
            return self.directive(first, &tokens[1..]);
        }
        let (name, rest) = if indented {
            (self.context.owner.clone().ok_or_else(|| no_owner(first))?, tokens)
        } else {
            (self.name(first)?, &tokens[1..])
        };
        self.entry(name, !indented, rest, first).map(|entry| Kind::Entry(Box::new(entry)))
    }

    fn directive(&mut self, word: &Token, arguments: &[Token]) -> Result<Kind, Unreadable> {
        let directive = self.octets(word).to_ascii_uppercase();
        match (&directive[..], arguments) {
            (b"$ORIGIN", [origin]) => {
                let origin = self.name(origin)?;
                self.context.origin = Some(origin.clone());
                Ok(Kind::Origin(origin))
            }
            (b"$TTL", [ttl]) => {
                let ttl = self.ttl(ttl)?;
                self.context.default_ttl = Some(ttl);
                Ok(Kind::DefaultTtl(ttl))
            }
            (b"$ORIGIN", _) => Err(syntax(word, "expected one domain name behind $ORIGIN")),
            (b"$TTL", _) => Err(syntax(word, "expected one TTL behind $TTL")),
            _ => Err(Unreadable {
                reaction: Reaction::Refused,
                at: Some(word.span.start),
                problem: format!("{} is not supported", values::escaped(self.octets(word))),
                hint: "write out the records that it stands for, or keep them in a zone file of their own",
            }),
        }
    }

    fn entry(&mut self, name: Name, owner_written: bool, tokens: &[Token], first: &Token) -> Result<Entry, Unreadable> {
        let (mut ttl, mut class, mut rest) = (None, None, tokens.iter());
        let (rtype_at, rtype) = loop {
            let token = rest.next().ok_or_else(|| syntax(first, "expected a record type on this line"))?;
            let octets = self.octets(token);
            if ttl.is_none() && octets[0].is_ascii_digit() {
                ttl = Some((token, self.ttl(token)?));
            } else if class.is_none() && is_class(octets) {
                self.require_in(token)?;
                class = Some(token);
            } else if let Some(rtype) = values::rtype(octets) {
                break (token, rtype);
            } else {
                let text = values::escaped(octets);
                return Err(syntax(token, format!("expected a TTL, a class or a record type, not `{text}`")));
            }
        };
        let value = rest.as_slice();
        let soa = if is_soa(&rtype) { Some(self.soa(rtype_at, value)?) } else { None };
        let data = if soa.is_some() { None } else { self.value(&rtype, rtype_at, value)? };
        let stated = ttl.map(|(_, ttl)| ttl);
        let said = stated.or_else(|| self.context.said_ttl(soa.as_ref()));
        let effective = said.unwrap_or(NO_TTL);
        self.context.pass(&name, stated, soa.as_ref());
        let value_at = value.first().zip(value.last());
        Ok(Entry {
            name,
            owner_written,
            ttl: effective,
            ttl_is_said: said.is_some(),
            ttl_at: ttl.map(|(token, _)| token.span.clone()),
            class_at: class.map(|token| token.span.clone()),
            rtype,
            rtype_at: rtype_at.clone(),
            value_at: value_at
                .map_or(rtype_at.span.end..rtype_at.span.end, |(first, last)| first.span.start..last.span.end),
            value_depths: value_at.map_or((rtype_at.depth, rtype_at.depth), |(first, last)| (first.depth, last.depth)),
            data,
            soa,
        })
    }

    fn value(&self, rtype: &RecordType, at: &Token, value: &[Token]) -> Result<Option<RecordData>, Unreadable> {
        let octets: Vec<&[u8]> = value.iter().map(|token| self.octets(token)).collect();
        let raw = self.on_one_line(value);
        values::read(rtype, &octets, raw, self.context.origin.as_ref())
            .map_err(|problem| syntax(value.first().unwrap_or(at), problem))
    }

    /// Returns the text of the tokens with what stands between them, if that is blanks only.
    fn on_one_line(&self, tokens: &[Token]) -> Option<&[u8]> {
        let blank = |pair: &[Token]| {
            self.text[pair[0].span.end..pair[1].span.start].iter().all(|octet| matches!(octet, b' ' | b'\t'))
        };
        let (first, last) = (tokens.first()?, tokens.last()?);
        tokens.windows(2).all(blank).then(|| &self.text[first.span.start..last.span.end])
    }

    fn soa(&self, at: &Token, value: &[Token]) -> Result<Soa, Unreadable> {
        let [mname, rname, serial, refresh, retry, expire, minimum] = value else {
            let expected = "expected seven fields behind SOA: server, mailbox, serial, refresh, retry, expire, minimum";
            return Err(syntax(at, expected));
        };
        self.name(mname)?;
        self.name(rname)?;
        for time in [refresh, retry, expire] {
            self.ttl(time)?;
        }
        let text = values::escaped(self.octets(serial));
        let number = text.parse().ok().filter(|_| !text.starts_with('+'));
        Ok(Soa {
            serial: number
                .ok_or_else(|| syntax(serial, format!("expected a serial of 0 to {}, not `{text}`", u32::MAX)))?,
            serial_at: serial.span.clone(),
            minimum: self.ttl(minimum)?,
        })
    }

    fn require_in(&self, token: &Token) -> Result<(), Unreadable> {
        let text = values::escaped(self.octets(token));
        if Class::from_str(&text).is_ok_and(|class| class == Class::IN) {
            return Ok(());
        }
        Err(Unreadable {
            reaction: Reaction::Refused,
            at: Some(token.span.start),
            problem: format!("the class {text} is not supported"),
            hint: "only the Internet's class, IN, can be kept",
        })
    }

    fn name(&self, token: &Token) -> Result<Name, Unreadable> {
        values::name(self.octets(token), self.context.origin.as_ref()).map_err(|problem| syntax(token, problem))
    }

    fn ttl(&self, token: &Token) -> Result<u32, Unreadable> {
        values::ttl(self.octets(token)).ok_or_else(|| {
            let text = values::escaped(self.octets(token));
            let most = values::MAX_TTL;
            syntax(token, format!("expected seconds up to {most}, or numbers with units as in 1h30m, not `{text}`"))
        })
    }

    fn octets(&self, token: &Token) -> &[u8] {
        &self.text[token.span.clone()]
    }
}

fn is_soa(rtype: &RecordType) -> bool {
    rtype.as_str() == "SOA"
}

fn is_class(octets: &[u8]) -> bool {
    std::str::from_utf8(octets).is_ok_and(|text| Class::from_str(text).is_ok())
        && !matches!(octets.to_ascii_uppercase()[..], [b'A', b'N', b'Y'] | [b'*'])
}

/// A zone has one SOA, at its top.
fn place_of_soa(entry: &Entry, apex: Option<&Name>, origin: Option<&Name>) -> Result<(), Unreadable> {
    let problem = match (apex, origin) {
        (Some(_), _) => "this is a second SOA; a zone has one".into(),
        (None, Some(origin)) if *origin != entry.name => {
            format!("this is the SOA of {}, and the zone is given as {origin}", entry.name)
        }
        _ => return Ok(()),
    };
    let hint = "check that the file and the origin belong together";
    Err(Unreadable { reaction: Reaction::Refused, at: Some(entry.rtype_at.span.start), problem, hint })
}

impl From<Fault> for Unreadable {
    fn from(fault: Fault) -> Self {
        Self { reaction: Reaction::Malformed, at: Some(fault.at), problem: fault.problem.into(), hint: MEND }
    }
}

const MEND: &str = "correct the file; named-checkzone or kzonecheck say more";

fn syntax(token: &Token, problem: impl Into<String>) -> Unreadable {
    Unreadable { reaction: Reaction::Malformed, at: Some(token.span.start), problem: problem.into(), hint: MEND }
}

fn no_owner(first: &Token) -> Unreadable {
    Unreadable {
        reaction: Reaction::Refused,
        at: Some(first.span.start),
        problem: "this line has the owner of the entry before it, and there is none".into(),
        hint: "write the owner at the beginning of the line",
    }
}

fn no_origin() -> Unreadable {
    Unreadable {
        reaction: Reaction::Refused,
        at: None,
        problem:
            "nothing says which zone this is: no origin is given, no SOA stands in the file and no $ORIGIN before \
                  its first entry"
                .into(),
        hint: "give the origin in the configuration, or begin the file with a line like `$ORIGIN example.com.`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOA: &str = "@ SOA ns hostmaster 7 1h 15m 1w 5m\n";

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn zone(text: &str) -> ZoneText {
        read(text.as_bytes().to_vec(), Some(&name("example.com"))).unwrap()
    }

    fn shown(text: &str) -> Vec<String> {
        let zone = zone(text);
        let show = |entry: &Entry| {
            let data = entry.data.as_ref().map_or_else(|| "?".into(), ToString::to_string);
            format!("{} {} {} {data}", entry.name, entry.ttl, entry.rtype)
        };
        zone.entries().map(|(_, entry)| show(entry)).collect()
    }

    fn error(text: &str) -> (Reaction, usize, usize, String) {
        let (_, error) = read(text.as_bytes().to_vec(), Some(&name("example.com"))).unwrap_err();
        let (line, column) = position(text.as_bytes(), error.at.unwrap());
        (error.reaction, line, column, error.problem)
    }

    #[test]
    fn owners_ttls_and_classes_come_from_where_the_format_says() {
        let text = "$TTL 1h\n@ IN 7200 A 10.0.0.1\n  60 in A 10.0.0.2\n\n; c\n a 10.0.0.3\n$ORIGIN sub\n A 10.0.0.4\nWWW CLASS1 A 10.0.0.5\n\
                    $ORIGIN .\nwww.example.com A (\n 10.0.0.6 ) ; c\n";
        assert_eq!(
            shown(text),
            [
                "example.com 7200 A 10.0.0.1",
                "example.com 60 A 10.0.0.2",
                "example.com 3600 A 10.0.0.3",
                "example.com 3600 A 10.0.0.4",
                "www.sub.example.com 3600 A 10.0.0.5",
                "www.example.com 3600 A 10.0.0.6",
            ]
        );
    }

    #[test]
    fn ttls_are_those_that_bind_serves() {
        let stated = "@ 7200 SOA ns hm 1 1h 15m 1w 5m\n@ NS ns\nns 60 A 10.0.0.1\nx A 10.0.0.2\n$TTL 900\ny 30 A 10.0.0.3\nz A 10.0.0.4\n";
        let ttls = |text: &str| zone(text).entries().map(|(_, entry)| entry.ttl).collect::<Vec<_>>();
        assert_eq!(ttls(stated), [7200, 7200, 60, 60, 30, 900]);
        assert_eq!(ttls("@ SOA ns hm 1 1h 15m 1w 5m\n@ NS ns\nns 60 A 10.0.0.1\nx A 10.0.0.2\n"), [300, 300, 60, 300]);
        assert_eq!(ttls("x A 10.0.0.2\n"), [3600]);
    }

    #[test]
    fn pieces_put_together_are_the_file() {
        let text = "; c \r\n$TTL 1h ; c\r\n@ SOA a b ( 1 ; c\r\n 2 3 4 5 )\r\n\r\nx TXT \"(;\" ; \"\r\n y A";
        let text = text.replace(" y A", "y A 10.0.0.1");
        let zone = zone(&text);
        let together: Vec<u8> = zone.pieces.iter().flat_map(|piece| &zone.text[piece.span.clone()]).copied().collect();
        assert_eq!(together, text.as_bytes());
        assert_eq!(zone.line_end(), b"\r\n");
        let soa = zone.entries().find_map(|(_, entry)| entry.soa.as_ref()).unwrap();
        assert_eq!((soa.serial, &text[soa.serial_at.clone()], soa.minimum), (1, "1", 5));
    }

    #[test]
    fn the_zone_is_told_by_its_soa_or_its_first_origin() {
        let origin = |text: &str| {
            read(text.as_bytes().to_vec(), None).map(|zone| zone.origin.to_string()).map_err(|(_, error)| error)
        };
        assert_eq!(origin(&format!("$ORIGIN Example.org.\n{SOA}")).unwrap(), "example.org");
        assert_eq!(origin("$ORIGIN org.\nexample SOA ns hm 1 1 1 1 1\n").unwrap(), "example.org");
        assert_eq!(origin("Example.org. SOA ns. hm. 1 1 1 1 1\n").unwrap(), "example.org");
        assert_eq!(origin("$ORIGIN example.org.\nwww A 10.0.0.1\n$ORIGIN a.\n").unwrap(), "example.org");
        assert!(origin("www.example.org. A 10.0.0.1\n$ORIGIN a.\n").unwrap_err().hint.contains("$ORIGIN example.com."));
        assert!(origin(SOA).unwrap_err().problem.contains("relative"));
        assert!(origin("").unwrap_err().problem.contains("which zone"));
    }

    #[test]
    fn what_is_not_understood_is_refused_where_it_stands() {
        for (text, at, problem) in [
            ("$INCLUDE other\n", (1, 1), "$INCLUDE"),
            ("\n$generate 1-2 a A 10.0.0.$\n", (2, 1), "$generate"),
            ("$DATE x\n", (1, 1), "$DATE"),
            ("\n A 10.0.0.1\n", (2, 2), "owner"),
            ("a CH A 10.0.0.1\n", (1, 3), "CH"),
            ("a CLASS3 A 10.0.0.1\n", (1, 3), "CLASS3"),
            (&format!("{SOA}{SOA}"), (2, 3), "second"),
            (&SOA.replace('@', "sub"), (1, 5), "sub.example.com"),
        ] {
            let (reaction, line, column, found) = error(text);
            assert_eq!((reaction, (line, column)), (Reaction::Refused, at), "{text}");
            assert!(found.contains(problem), "{text}: {found}");
        }
    }

    #[test]
    fn a_syntax_error_says_where_and_what_was_expected() {
        for (text, at, problem) in [
            ("a A 10.0.0.1\nb 300 INN A 10.0.0.2\n", (2, 7), "not `INN`"),
            ("a 1h30 A 10.0.0.1\n", (1, 3), "1h30m"),
            ("a\r\n", (1, 1), "record type"),
            ("a A\n", (1, 3), "value for A"),
            ("x (\r\n A\r\n 10.0.0.300 )\n", (3, 2), "10.0.0.300"),
            ("; c\ra A\t10.0.0.300\n", (2, 5), "10.0.0.300"),
            ("a TXT \"b\n", (1, 7), "quote"),
            ("a..b A 10.0.0.1\n", (1, 1), "a..b"),
            ("\"a\" A 10.0.0.1\n", (1, 1), "quoted"),
            ("$TTL\n", (1, 1), "TTL"),
            ("$ORIGIN a. b.\n", (1, 1), "domain name"),
            ("@ SOA ns hm 1 2 3 4\n", (1, 3), "seven"),
            ("@ SOA ns hm -1 2 3 4 5\n", (1, 13), "serial"),
        ] {
            let (reaction, line, column, found) = error(text);
            assert_eq!((reaction, (line, column)), (Reaction::Malformed, at), "{text}");
            assert!(found.contains(problem), "{text}: {found}");
        }
    }
}
