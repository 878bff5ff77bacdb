import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { quantizeByData } from './src/compress/index.ts';
import { foldNorms } from './src/edit/index.ts';
import { compile } from './src/engine/index.ts';
import { inputShape, sizeOf } from './src/graph/index.ts';
import { random } from './src/random.ts';
import { init } from './src/weights/index.ts';
import { compose } from './zoo/index.ts';
const folder = mkdtempSync('/tmp/pi-');
let n=0; let last: any;
const runtime: any = { Tensor: ort.Tensor, InferenceSession: { create: async (m: any, o: any) => { last = await ort.InferenceSession.create(m, { ...o, enableProfiling: true, profileFilePrefix: join(folder, `p${n++}-`) }); return last; } } };
import { caseOf } from './src/bench/cases.ts';
for (const [name, graph, batch] of [['I2', caseOf('I2').graph, 1], ['I1', caseOf('I1').graph, 1]] as const) {
  const net = init(graph, { seed: 1 });
  const source = random('x'); const x = Float32Array.from({ length: batch * sizeOf(inputShape(graph)) }, source.normal);
  for (const [kind, q] of [['int8', await quantizeByData(net, [x])], ['float', foldNorms(net)]] as const) {
    const r = await compile(q, { runtime, threads: 2 } as any);
    for (let i=0;i<25;i++) await r.run(x);
    last.handler?.endProfiling?.() ?? last.endProfiling?.();
    await r.release();
    const file = readdirSync(folder).filter(f=>f.startsWith(`p${n-1}-`))[0]!;
    const ev = JSON.parse(readFileSync(join(folder,file),'utf8'));
    const by = new Map<string, number[]>();
    for (const e of ev) if (e.cat==='Node' && e.name.endsWith('kernel_time')) { const ins = e.args.input_type_shape.map((z:any)=>Object.values(z)[0]); const k = e.args.op_name+' '+JSON.stringify(ins[0])+(e.args.op_name==='QLinearConv'?JSON.stringify(ins.filter((z:any)=>z.length===4)[1]??ins[1])+e.args.output_type_shape?.map((z:any)=>JSON.stringify(Object.values(z)[0])):''); by.set(k, [...(by.get(k)??[]), e.dur]); }
    const rows=[...by].map(([k,l])=>[k,l.length/25,l.reduce((a,b)=>a+b,0)/25/1000] as const).sort((a,b)=>b[2]-a[2]);
    console.log(name, kind, rows.reduce((s,r)=>s+r[2],0).toFixed(2),'ms:', rows.slice(0,20).map(r=>`${r[0]} x${r[1]} ${r[2].toFixed(2)}`).join('\n   '));
  }
}
rmSync(folder,{recursive:true}); process.exit(0);
